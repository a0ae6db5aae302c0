import { expect, test } from 'vitest';
import { boxAt, type Track } from './types';

const track: Track = {
  id: 'a', kind: 'manual', score: 1, from: 1, to: 9,
  keys: [{ t: 2, x: 0, y: 0, w: 0.1, h: 0.1 }, { t: 4, x: 0.4, y: 0.2, w: 0.3, h: 0.1 }],
};

test('a box stands still outside its keys and moves between them', () => {
  expect(boxAt(track, 0.9)).toBeUndefined();
  expect(boxAt(track, 9.1)).toBeUndefined();
  expect(boxAt(track, 1)).toEqual({ x: 0, y: 0, w: 0.1, h: 0.1 });
  expect(boxAt(track, 9)).toEqual({ x: 0.4, y: 0.2, w: 0.3, h: 0.1 });
  const middle = boxAt(track, 3);
  expect(middle?.x).toBeCloseTo(0.2);
  expect(middle?.w).toBeCloseTo(0.2);
});
