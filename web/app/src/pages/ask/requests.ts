// Requests as the desk's API gives them (web/api_canvass.go).
import type { RequestView, Schemas } from '$lib/api/client';

export const incidents = [
  'arson',
  'assault',
  'burglary',
  'fire',
  'fraud',
  'hate-crime',
  'hit-and-run',
  'homicide',
  'kidnapping',
  'missing-person',
  'package-theft',
  'robbery',
  'sexual-assault',
  'shooting',
  'theft',
  'traffic-crash',
  'vandalism',
  'vehicle-break-in',
  'vehicle-theft',
] as const satisfies Schemas['RequestDraft']['incident'][];

/** What residents read of a request. */
export type Shown = Pick<RequestView, 'incident' | 'narrative' | 'area' | 'from' | 'to' | 'time_zone' | 'expires' | 'contact'>;

/** The exchange's limits, to warn early; its rules decide (policy/packs/base/requests.cedar). */
export const limits = { minM2: 64_750, maxM2: 1_294_994, minMinutes: 15, maxMinutes: 720, days: [1, 3, 7, 14], narrative: 2000, case: 40, contact: 200 };

/**
 * The moment at which clocks of the zone show "2026-11-22T21:00"; null when they
 * never do or the text is no time. In the hour that an autumn night has twice,
 * the first.
 */
export function moment(wall: string, zone: string): Date | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(wall)) return null;
  const utc = Date.parse(wall + 'Z');
  if (Number.isNaN(utc)) return null;
  // Clocks are within 14 hours of UTC, and jump by at most a few hours in a day.
  const offsets = new Set([-24, 0, 24].map((h) => utc - Date.parse(wallClock(new Date(utc + h * 3_600_000), zone) + 'Z') + h * 3_600_000));
  const found = [...offsets].map((o) => new Date(utc + o)).filter((d) => wallClock(d, zone) === wall);
  return found.sort((a, b) => a.getTime() - b.getTime())[0] ?? null;
}

/** What clocks of the zone show, as an input of type datetime-local has it. */
export function wallClock(at: Date, zone: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const get = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  return `${get('year').padStart(4, '0')}-${get('month')}-${get('day')}T${get('hour')}:${get('minute')}`;
}

/** Zones to choose from: this device's first. */
export function zones(): string[] {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [
    ...new Set([
      own,
      'America/New_York',
      'America/Chicago',
      'America/Denver',
      'America/Phoenix',
      'America/Los_Angeles',
      'America/Anchorage',
      'Pacific/Honolulu',
      'America/Puerto_Rico',
      'Europe/Amsterdam',
    ]),
  ];
}
