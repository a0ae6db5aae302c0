import { describe, expect, it } from 'vitest';
import { markLines, wrap } from './picture-mark';

describe('the mark on a picture', () => {
  it('says what for, under which entry, when, who and of which agency', () => {
    const lines = markLines({ reason: 'Search 1204', entry: 'Entry 1210', officer: 'Inga Example', agency: 'Millbrook Police', at: new Date('2026-11-22T12:03:04.567Z') });
    expect(lines).toEqual(['Search 1204 · Entry 1210 · 2026-11-22 12:03:04 UTC', 'Inga Example · Millbrook Police']);
  });
  it('is broken between words and loses none', () => {
    const line = 'one two three four incomprehensibilities five';
    const parts = wrap(line, (s) => s.length <= 10);
    expect(parts.join(' ')).toBe(line);
    expect(parts).toEqual(['one two', 'three four', 'incomprehensibilities', 'five']);
  });
});
