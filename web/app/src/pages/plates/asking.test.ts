import { expect, test } from 'vitest';
import { askOf, draftOf, fresh, readsOf, sameAsk, type Answer } from './asking';

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
