import { expect, test } from 'vitest';
import { decode, merge, overlap, tiles, type Face } from './find-model';
import { distinct, link, type Sighting } from './find-track';
import { boxAt, type Box } from './types';

test('a face of up to an eighth of the picture is whole in some tile', () => {
  for (const [w, h] of [[1920, 1080], [1080, 1920], [1280, 720], [640, 360], [2560, 1440], [320, 240], [200, 900]] as const) {
    const all = tiles(w, h);
    const size = Math.min(80, Math.min(w, h) / 8);
    for (let x = 0; x <= w - size; x += size / 3) {
      for (let y = 0; y <= h - size; y += size / 3) {
        const whole = all.some((t) => t.x <= x && t.y <= y && t.x + t.side >= x + size && t.y + t.side >= y + size);
        expect(whole, `${w} x ${h}: ${x}, ${y}`).toBe(true);
      }
    }
    expect(all.length).toBeLessThanOrEqual(20);
  }
});

test('the answer of the model becomes boxes of the picture', () => {
  const boxes = new Float32Array(2304 * 16);
  const scores = new Float32Array(2304).fill(-9);
  const cell = 24 * 48 + 12; // its middle is at 12.5 / 48, 24.5 / 48
  scores[cell] = 0;
  boxes.set([-2, 2, 48, 96], cell * 16);
  const [face, ...more] = decode(boxes, scores, 0.3, { x: 100, y: 50, side: 480 }, 1000, 500);
  expect(more).toEqual([]);
  expect(face?.score).toBeCloseTo(0.5);
  expect(face?.w).toBeCloseTo(0.12);
  expect(face?.h).toBeCloseTo(0.48);
  expect((face?.x ?? 0) + 0.06).toBeCloseTo((100 + 480 * (12.5 / 48 - 2 / 192)) / 1000);
  expect((face?.y ?? 0) + 0.24).toBeCloseTo((50 + 480 * (24.5 / 48 + 2 / 192)) / 500);
  scores[cell] = NaN;
  expect(decode(boxes, scores, 0.3, { x: 0, y: 0, side: 192 }, 192, 192)).toEqual([]);
});

test('one face seen in two tiles is one face', () => {
  const a = { x: 0.5, y: 0.5, w: 0.1, h: 0.1, score: 0.9 };
  expect(merge([a, { ...a, x: 0.51, score: 0.8 }, { ...a, x: 0.8, score: 0.3 }])).toHaveLength(2);
});

/** Seeing a face 0.05 wide that goes from left to right at speed, five times a second, except in the gaps. */
const walk = (speed: number, y: number, seen: (t: number) => boolean = () => true): Sighting[] =>
  Array.from({ length: 41 }, (_, i) => i / 5).map((t) => ({ t, faces: seen(t) ? [{ x: 0.1 + speed * t, y, w: 0.05, h: 0.08, score: 0.6 + t / 100 }] : [] }));
const inside = (outer: Box | undefined, inner: Box) => outer !== undefined && overlap(outer, inner) > 0.999 && outer.w * outer.h > inner.w * inner.h;

test('a box follows a face over gaps, and holds before and after', () => {
  const sightings = walk(0.08, 0.4, (t) => t >= 2 && t <= 6 && !(t > 3 && t < 4));
  const tracks = link(sightings, 0, 10);
  expect(tracks).toHaveLength(1);
  const track = tracks[0]!;
  expect(track.score).toBeCloseTo(0.66);
  expect(track.keys.length).toBeLessThan(8);
  for (let t = 1.5; t <= 6.5; t += 1 / 30) expect(inside(boxAt(track, t), { x: 0.1 + 0.08 * t, y: 0.4, w: 0.05, h: 0.08 }), `at ${t}`).toBe(true);
  expect(boxAt(track, 0.5)).toBeUndefined();
});

test('two who pass each other stay two; a single doubt is nothing', () => {
  const left = walk(0.08, 0.4);
  const right = walk(-0.08, 0.55).map(({ t, faces }) => ({ t, faces: faces.map((f) => ({ ...f, x: f.x + 0.7 })) }));
  const both: Sighting[] = left.map((s, i) => ({ t: s.t, faces: [...s.faces, ...(right[i]?.faces ?? [])] }));
  const doubt: Face = { x: 0.9, y: 0.1, w: 0.03, h: 0.03, score: 0.4 };
  both[7]?.faces.push(doubt);
  expect(distinct(link(both, 0, 8))).toHaveLength(2);
  both[8]?.faces.push({ ...doubt, score: 0.7 });
  expect(distinct(link(both, 0, 8))).toHaveLength(3);
});
