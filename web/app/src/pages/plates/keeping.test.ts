import { expect, test } from 'vitest';
import { inUnits, minutesOf } from './keeping';

test('minutes are said in the largest unit that is exact', () => {
  expect(inUnits(30 * 1440)).toEqual({ n: 30, unit: 'days' });
  expect(inUnits(36 * 60)).toEqual({ n: 36, unit: 'hours' });
  expect(inUnits(3)).toEqual({ n: 3, unit: 'minutes' });
});

test('a form never asks for more than may be kept, nor for what is no time', () => {
  expect(minutesOf('7', 'days', 21 * 1440)).toBe(7 * 1440);
  expect(minutesOf(1.5, 'hours', 1440)).toBe(90);
  for (const n of [22, 0, -1, '', null, 'x', 0.0001]) expect(minutesOf(n, 'days', 21 * 1440)).toBeUndefined();
});
