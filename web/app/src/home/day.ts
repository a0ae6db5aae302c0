// Days of the house, in its own zone, and what of a day is shown.

/** "2026-11-22" of an instant, in a zone. */
export function dayOf(at: number, zone: string): string {
  const parts = Object.fromEntries(new Intl.DateTimeFormat('en-US', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(at).map((p) => [p.type, p.value]));
  return `${parts['year']}-${parts['month']}-${parts['day']}`;
}

/** "Nov 22, 2026" of a day that somebody named: one that is stored as its noon in UTC. */
export const named = (day: string, lang: string): string => new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeZone: 'UTC' }).format(Date.parse(day));

/** When a day begins in a zone, in milliseconds; also where clocks change at midnight. */
export function startOf(day: string, zone: string): number {
  const utc = Date.parse(`${day}T00:00:00Z`);
  // The first instant at which the zone's clocks show the day lies within 14 hours of that of UTC.
  let [before, after] = [utc - 15 * 3_600_000, utc + 15 * 3_600_000];
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000;
    if (dayOf(middle, zone) < day) before = middle;
    else after = middle;
  }
  return after;
}

/** The day so many days after another. */
export function shift(day: string, by: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + by * 86_400_000).toISOString().slice(0, 10);
}

export interface Stretch {
  from: number;
  to: number;
}

/** The footage that holds an instant, or else the next one, or else the last. */
export function nearest(footage: readonly Stretch[], at: number): number | undefined {
  for (const s of footage) {
    if (at < s.from) return s.from;
    if (at < s.to) return at;
  }
  const last = footage.at(-1);
  return last && Math.max(last.from, last.to - 5000);
}

/** The stretch that holds an instant. */
export const holding = (footage: readonly Stretch[], at: number): Stretch | undefined => footage.find((s) => at >= s.from && at < s.to);

/** "21:04:30" in a zone. */
export const timeOf = (at: number, lang: string, zone: string, seconds = true): string =>
  new Intl.DateTimeFormat(lang, { timeZone: zone, hour: '2-digit', minute: '2-digit', ...(seconds && { second: '2-digit' }), hourCycle: 'h23' }).format(at);
