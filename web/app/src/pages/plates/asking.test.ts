import { afterEach, expect, test, vi } from 'vitest';
import { askOf, draftOf, fresh, peersOf, readsOf, sameAsk, type Answer, type PeerSaid } from './asking';

afterEach(() => void vi.unstubAllGlobals());

test('a draft becomes an ask and comes back', () => {
  const d = { ...fresh(), plate: ' abc 123 ', case: ' 26-1 ', note: 'robbery', offense: '120', make: 'Toyota' };
  const a = askOf(d);
  expect(a).toMatchObject({ kind: 'plate', plate: 'abc 123', case: '26-1', make: 'toyota' });
  expect(a).not.toHaveProperty('area');
  expect(a).not.toHaveProperty('behalf');
  expect(sameAsk(askOf(draftOf(a)), a)).toBe(true);
  expect(sameAsk(a, { ...a, case: '26-2' })).toBe(false);
  expect(sameAsk(a, { ...a, plate: 'ABC 123', cameras: [], region: '' })).toBe(true);
});

test('every car of an area names no plate', () => {
  expect(askOf({ ...fresh(), kind: 'area', plate: 'ABC123' })).not.toHaveProperty('plate');
});

test('reads of all owners stand in one order', () => {
  const read = (id: string, seen: string) => ({ id, seen });
  const answers = [
    { name: 'A', reads: [read('1', '2026-11-22T10:00:00Z')], companions: [] },
    { name: 'B', reads: [], companions: [{ plate: 'XYZ', reads: [read('2', '2026-11-22T11:00:00Z')] }] },
  ] as unknown as Answer[];
  expect(readsOf(answers).map((r) => [r.read.id, r.owner, r.with])).toEqual([['2', 'B', 'XYZ'], ['1', 'A', '']]);
});

test('reads of two exchanges with one id are two', () => {
  const answer = { name: 'A', reads: [{ id: '1', seen: '2026-11-22T10:00:00Z' }], companions: [] } as unknown as Answer;
  const said = { exchange: 'x.example', answers: [answer], receipts: [], problem: '' };
  expect(readsOf([answer], [said]).map((r) => [r.key, r.exchange])).toEqual([['1', ''], ['x.example/1', 'x.example']]);
});

test('what exchanges say comes line by line, however it is cut', async () => {
  const text = '{"exchange":"é.example","answers":[],"problem":""}\n{"exchange":"b.example","answers":[],"problem":"It cannot be reached."}\n';
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream({
    start(c) {
      for (let i = 0; i < bytes.length; i += 14) c.enqueue(bytes.slice(i, i + 14));
      c.close();
    },
  });
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body)));
  const said: PeerSaid[] = [];
  for await (const one of peersOf('S', new AbortController().signal)) said.push(one);
  expect(said.map((s) => [s.exchange, s.problem])).toEqual([['é.example', ''], ['b.example', 'It cannot be reached.']]);
});

test('a refusal to ask them is a problem, not an answer', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response('{"title":"Not found","status":404}\n', { status: 404 })));
  await expect(peersOf('S', new AbortController().signal).next()).rejects.toMatchObject({ status: 404 });
});
