import { describe, expect, it } from 'vitest';
import { dayOf, holding, named, nearest, shift, startOf, timeOf } from './day';

const hours = (from: number, to: number) => (to - from) / 3_600_000;

describe('a day of the house', () => {
  it('is that of its own zone', () => {
    const at = Date.parse('2026-11-22T03:30:00Z');
    expect(dayOf(at, 'America/Chicago')).toBe('2026-11-21');
    expect(dayOf(at, 'Europe/Amsterdam')).toBe('2026-11-22');
    expect(dayOf(at, 'Pacific/Kiritimati')).toBe('2026-11-22');
  });

  it.each(['America/Chicago', 'Europe/Amsterdam', 'Asia/Kathmandu', 'Pacific/Kiritimati', 'Pacific/Pago_Pago', 'UTC'])('begins in %s at the first instant that shows it', (zone) => {
    for (const day of ['2026-01-01', '2026-03-08', '2026-06-30', '2028-02-29']) {
      const start = startOf(day, zone);
      expect(dayOf(start, zone)).toBe(day);
      expect(dayOf(start - 1000, zone)).toBe(shift(day, -1));
      expect(timeOf(start, 'en', zone)).toBe('00:00:00');
    }
  });

  it('has 23 or 25 hours when the clocks change', () => {
    const length = (day: string, zone: string) => hours(startOf(day, zone), startOf(shift(day, 1), zone));
    expect(length('2026-03-08', 'America/Chicago')).toBe(23);
    expect(length('2026-11-01', 'America/Chicago')).toBe(25);
    expect(length('2026-11-02', 'America/Chicago')).toBe(24);
    expect(length('2026-03-29', 'Europe/Amsterdam')).toBe(23);
  });

  it('begins at one where the clocks go on at midnight', () => {
    const start = startOf('2026-03-08', 'America/Havana');
    expect(timeOf(start, 'en', 'America/Havana')).toBe('01:00:00');
    expect(dayOf(start - 1000, 'America/Havana')).toBe('2026-03-07');
  });

  it('has a day before and after', () => {
    expect(shift('2026-12-31', 1)).toBe('2027-01-01');
    expect(shift('2028-03-01', -1)).toBe('2028-02-29');
    expect(shift('2026-11-22', 0)).toBe('2026-11-22');
  });
});

it('names the day that somebody said, wherever it is read', () => {
  expect(named('2026-11-22T12:00:00Z', 'en')).toBe('Nov 22, 2026');
});

it('writes times without seconds where they are too much', () => {
  expect(timeOf(Date.parse('2026-11-22T20:04:30Z'), 'en', 'America/Chicago', false)).toBe('14:04');
});

describe('footage', () => {
  const footage = [{ from: 100_000, to: 200_000 }, { from: 300_000, to: 303_000 }];

  it('at an instant is what holds it, or else the next', () => {
    expect(nearest(footage, 150_000)).toBe(150_000);
    expect(nearest(footage, 0)).toBe(100_000);
    expect(nearest(footage, 200_000)).toBe(300_000); // its end is not in it
  });

  it('after the last is its end, or its beginning where it is short', () => {
    expect(nearest(footage, 400_000)).toBe(300_000);
    expect(nearest([footage[0]!], 400_000)).toBe(195_000);
    expect(nearest([], 0)).toBeUndefined();
  });

  it('holds its first instant and not its end', () => {
    expect(holding(footage, 100_000)).toBe(footage[0]);
    expect(holding(footage, 200_000)).toBeUndefined();
  });
});
