import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { incidents, moment, wallClock } from './requests';

describe('moment', () => {
  it.each([
    ['2026-11-22T21:00', 'America/Chicago', '2026-11-23T03:00:00.000Z'],
    ['2026-07-01T21:00', 'America/Chicago', '2026-07-02T02:00:00.000Z'],
    ['2026-07-01T21:00', 'Europe/Amsterdam', '2026-07-01T19:00:00.000Z'],
    ['2026-03-08T03:00', 'America/Chicago', '2026-03-08T08:00:00.000Z'],
    ['2026-11-01T01:30', 'America/Chicago', '2026-11-01T06:30:00.000Z'], // twice that night: the first
    ['2026-11-01T00:30', 'America/Chicago', '2026-11-01T05:30:00.000Z'],
    ['2026-01-01T00:00', 'Pacific/Honolulu', '2026-01-01T10:00:00.000Z'],
    ['2026-01-01T00:00', 'Pacific/Kiritimati', '2025-12-31T10:00:00.000Z'],
  ])('%s in %s', (wall, zone, want) => {
    expect(moment(wall, zone)?.toISOString()).toBe(want);
    expect(wallClock(new Date(want), zone)).toBe(wall);
  });
  it.each([
    ['2026-03-08T02:30', 'America/Chicago'], // clocks jump over it
    ['', 'America/Chicago'],
    ['2026-13-01T00:00', 'UTC'],
    ['tomorrow', 'UTC'],
  ])('%s in %s is no moment', (wall, zone) => expect(moment(wall, zone)).toBeNull());
});

it('knows the incidents that the exchange knows', () => {
  const go = readFileSync(new URL('../../../../../canvass/canvass.go', import.meta.url), 'utf8');
  const list = go.match(/return \[\]Incident\{([^}]*)\}/)?.[1]?.match(/[a-z-]+/g);
  expect(list).toEqual([...incidents]);
});
