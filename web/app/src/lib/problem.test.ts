import { expect, test } from 'vitest';
import { problemOf } from './problem';

test('what is thrown becomes a problem', () => {
  const refused = { type: '/problems/refused', title: 'Refused', rules: [] };
  expect(problemOf(refused)).toBe(refused);
  expect(problemOf(new TypeError('Failed to fetch')).type).toBe('offline');
  expect(problemOf(new Error('disk full'))).toEqual({ type: 'about:blank', title: 'disk full' });
  expect(problemOf('odd')).toEqual({ type: 'about:blank', title: 'odd' });
});
