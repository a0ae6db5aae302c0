import { expect, test } from 'vitest';
import { absolute, relative, span } from './time';

const at = new Date('2026-11-18T03:05:00Z');

test('a moment names its zone', () => {
  expect(absolute(at, 'en', 'America/Chicago')).toBe('Nov 17, 2026, 21:05 CST');
  expect(absolute(at, 'nl', 'UTC')).toBe('18 nov 2026, 03:05 UTC');
});

test.each([
  [0, 'now'],
  [-29_000, 'now'],
  [-59_000, '1 minute ago'],
  [-59.6 * 60_000, '1 hour ago'],
  [-3 * 3600_000, '3 hours ago'],
  [-2.9 * 3600_000, '3 hours ago'],
  [23.6 * 3600_000, 'in 1 day'],
  [-47 * 3600_000, '2 days ago'],
  [2 * 86400_000 - 1, 'in 2 days'],
  [29.9 * 86400_000, 'in 30 days'],
  [-360 * 86400_000, '1 year ago'],
  [-400 * 86400_000, '1 year ago'],
])('%d ms is %s', (ms, words) => expect(relative(ms, 'en')).toBe(words));

test('a span says the day once', () => {
  const text = span(at, new Date(at.getTime() + 40 * 60_000), 'en', 'America/Chicago');
  expect(text.match(/Nov/g)).toHaveLength(1);
  expect(text).toContain('21:05');
  expect(text).toContain('21:45');
  expect(text).toContain('CST');
});
