// With the vectors that package canvass writes: go test ./canvass -run Vectors -update
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Polygon } from '$lib/map/shapes';
import { areaM2, contains, distanceM } from './area';
import { cellOf } from './cell';
import { checkContent, contentHash } from './content';
import { checkIndex, coveredCell, FeedError, fetchCell, nearby, readFeed, type Index } from './feed';

const dir = new URL('../../../../../testdata/feed/', import.meta.url);
const vectors = JSON.parse(readFileSync(new URL('vectors.json', dir), 'utf8')) as {
  VKey: string;
  LogKey: string;
  Index: Index;
  Full: string;
  Empty: string;
  Hashes: string[];
  Places: { Lon: number; Lat: number; Cell: string }[];
  Areas: { Area: Polygon; M2: number; Inside: [number, number][]; Outside: [number, number][] }[];
};
const ledger = { logKey: vectors.LogKey, witnesses: [], quorum: 0 };
const file = (name: string) => new Uint8Array(readFileSync(new URL(name, dir)));
const at = ([lng, lat]: readonly [number, number]) => ({ lat, lng });

describe('cells', () => {
  it('are those of S2', () => {
    expect(vectors.Places.length).toBeGreaterThan(90);
    for (const p of vectors.Places) expect(cellOf({ lat: p.Lat, lng: p.Lon }), JSON.stringify(p)).toBe(p.Cell);
  });
  it('asks nothing about a place the exchange does not reach', () => {
    const index = { ...vectors.Index, cells: [vectors.Full] };
    expect(coveredCell(index, { lat: 52.37, lng: 4.9 })).toBeNull();
    expect(coveredCell(index, { lat: 39.751, lng: -89.648 })).toBe(vectors.Full);
  });
});

describe('areas', () => {
  it('have the size that the exchange measures', () => {
    for (const a of vectors.Areas) expect(areaM2(a.Area) / a.M2).toBeCloseTo(1, 9);
  });
  it('contain what they contain', () => {
    for (const a of vectors.Areas) {
      for (const p of a.Inside) expect(contains(a.Area, at(p)), `${p} in ${JSON.stringify(a.Area)}`).toBe(true);
      for (const p of a.Outside) expect(contains(a.Area, at(p)), `${p} in ${JSON.stringify(a.Area)}`).toBe(false);
    }
  });
  it('are as far as they are', () => {
    const square: Polygon = { type: 'Polygon', coordinates: [[[4.88, 52.36], [4.89, 52.36], [4.89, 52.37], [4.88, 52.37], [4.88, 52.36]]] };
    expect(distanceM(square, { lat: 52.365, lng: 4.885 })).toBe(0);
    // A hundredth of a degree at 52 degrees north: 1112.7 m to the north, 681 m to the east.
    expect(distanceM(square, { lat: 52.38, lng: 4.885 })).toBeCloseTo(1112.7, 0);
    expect(distanceM(square, { lat: 52.365, lng: 4.9 }) / 681.3).toBeCloseTo(1, 2);
    expect(distanceM(square, { lat: 52.38, lng: 4.9 })).toBeCloseTo(Math.hypot(1112.7, 681), -1);
  });
});

describe('files', () => {
  it('are read', async () => {
    const full = await readFeed(file('two-requests'), vectors.VKey);
    expect(full.cell).toBe(vectors.Full);
    expect(full.interval).toBe(300);
    expect(full.requests.map((r) => r.request.id)).toEqual(['01kaq0000000000000000000aa', '01kaq0000000000000000000bb']);
    expect(full.requests[0]?.request.narrative).toContain('paquete.\nA "big" box <blue> & \\ é 🚲');
    expect(await Promise.all(full.requests.map((r) => contentHash(r.request)))).toEqual(vectors.Hashes);
    const empty = await readFeed(file('no-request'), vectors.VKey);
    expect(empty).toMatchObject({ cell: vectors.Empty, requests: [] });
  });
  it('are refused when a byte differs', async () => {
    const good = file('two-requests');
    for (let i = 0; i < good.length; i += 3001) {
      const bad = good.slice();
      bad[i]! ^= 1;
      await expect(readFeed(bad, vectors.VKey), `byte ${i}`).rejects.toBeInstanceOf(FeedError);
    }
    await expect(readFeed(good.slice(0, 60_000), vectors.VKey)).rejects.toThrow('malformed');
    await expect(readFeed(good, vectors.VKey.replace('758d3fd8', '758d3fd9'))).rejects.toThrow('signature');
    await expect(readFeed(good, vectors.VKey.replace('example/feed', 'example/log'))).rejects.toThrow('malformed');
  });
  it('must be of the cell and of our time', async () => {
    const made = new Date('2026-11-22T09:00:00Z').getTime();
    const asked: [string, RequestInit | undefined][] = [];
    globalThis.fetch = async (url, init) => {
      asked.push([String(url), init]);
      return new Response(file('two-requests'));
    };
    const index = await checkIndex(vectors.Index, ledger);
    // Its second request is not what its entry published, and so nothing in it counts.
    await expect(fetchCell(index, vectors.Full, made + 60_000)).rejects.toMatchObject({ name: 'Unproved', what: 'request' });
    await expect(fetchCell(index, vectors.Empty, made)).rejects.toThrow('wrong-cell');
    await expect(fetchCell(index, vectors.Full, made + 3_600_000)).rejects.toThrow('stale');
    await expect(fetchCell(index, vectors.Full, made - 3_600_000)).rejects.toThrow('stale');
    globalThis.fetch = async () => new Response(file('no-request'));
    expect(await fetchCell(index, vectors.Empty, made + 60_000)).toMatchObject({ cell: vectors.Empty, requests: [] });
    // The exchange hears the cell: no place, no cookie, no body.
    for (const [url, init] of asked) {
      expect(url).toMatch(/^\/feed\/v1\/[0-9a-f]{6}$/);
      expect(init).toEqual({ credentials: 'omit' });
    }
  });
});

describe('the ledger', () => {
  it('proves the key of the feed', async () => {
    expect((await checkIndex(vectors.Index, ledger)).key).toBe(vectors.VKey);
    const lies: [string, Partial<Index>][] = [
      ['another key', { key: vectors.VKey.replace('758d3fd8', '758d3fd9') }],
      ['no receipt', { receipt: '' }],
      ['a receipt of something else', { receipt: (await readFeed(file('two-requests'), vectors.VKey)).requests[0]!.receipt }],
    ];
    for (const [name, lie] of lies)
      await expect(checkIndex({ ...vectors.Index, ...lie }, ledger), name).rejects.toMatchObject({ name: 'Unproved', what: 'feed-key' });
    const other = { ...ledger, logKey: 'exchange.example/log+00000000+' + vectors.LogKey.split('+').slice(2).join('+') };
    await expect(checkIndex(vectors.Index, other)).rejects.toThrow();
  });
  it('proves each request', async () => {
    const [one, two] = (await readFeed(file('two-requests'), vectors.VKey)).requests;
    await checkContent(one!.request, one!.receipt, ledger);
    const { area, ...rest } = one!.request;
    await checkContent({ area, ...rest }, one!.receipt, ledger); // in whatever order
    for (const change of [{ narrative: 'Look for a red car.' }, { agency: 'IL0160100' }, { id: two!.request.id }, { area: { ...area, coordinates: [area.coordinates[0]!.slice().reverse()] } as Polygon }])
      await expect(checkContent({ ...one!.request, ...change }, one!.receipt, ledger)).rejects.toMatchObject({ what: 'request' });
    await expect(checkContent(two!.request, two!.receipt, ledger)).rejects.toThrow('not what was published');
    await expect(checkContent(one!.request, vectors.Index.receipt, ledger)).rejects.toThrow('no permitted request.moderate');
  });
});

describe('near', () => {
  it('finds what is near, nearest first, and not what has ended', async () => {
    const feed = await readFeed(file('two-requests'), vectors.VKey);
    const now = new Date('2026-11-22T10:00:00Z').getTime();
    expect(nearby(feed, { lat: 39.751, lng: -89.648 }, 500, now).map((n) => n.metres)).toEqual([0, 0]);
    const outside = nearby(feed, { lat: 39.7563, lng: -89.648 }, 500, now); // 0.003 degree north of the area
    expect(outside.length).toBe(2);
    expect(outside[0]?.metres).toBeCloseTo(333, -1);
    expect(nearby(feed, { lat: 39.76, lng: -89.648 }, 500, now)).toEqual([]);
    expect(nearby(feed, { lat: 39.751, lng: -89.648 }, 500, now + 80 * 3_600_000)).toEqual([]);
  });
});
