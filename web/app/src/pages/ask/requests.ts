// Requests as the desk's API gives them (web/api_canvass.go).
import type { RequestView, Schemas } from '$lib/api/client';

export { moment, wallClock } from '$lib/time';

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
