// Moments and spans as people write them; the zone is always said.

/** "Nov 22, 2026, 21:05 CST" in the language, in the zone (the device's own by default). */
export function absolute(at: Date, lang: string, zone?: string): string {
  return new Intl.DateTimeFormat(lang, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
    timeZone: zone,
  }).format(at);
}

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['minute', 60],
  ['hour', 3600],
  ['day', 86400],
  ['month', 30.44 * 86400],
  ['year', 365.25 * 86400],
];

/** "3 hours ago", "in 2 days", "now", from a difference in milliseconds (ahead is positive), rounded to the nearest. */
export function relative(ms: number, lang: string): string {
  const seconds = Math.abs(ms / 1000);
  if (seconds < 30) return new Intl.RelativeTimeFormat(lang, { numeric: 'auto' }).format(0, 'second');
  // 59.6 minutes are an hour: what rounds up to the next unit is written in it.
  const [unit, size] = units.find(([, size], i) => Math.round(seconds / size) * size < (units[i + 1]?.[1] ?? Infinity))!;
  return new Intl.RelativeTimeFormat(lang).format(Math.sign(ms) * Math.round(seconds / size), unit);
}

/** "Tue, Nov 17, 2026, 21:00 – 21:40 CST". */
export function span(from: Date, to: Date, lang: string, zone?: string): string {
  return new Intl.DateTimeFormat(lang, {
    weekday: 'short',
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
    timeZone: zone,
  }).formatRange(from, to);
}

/**
 * The moment at which clocks of the zone show "2026-11-22T21:00", or with seconds; null when they
 * never do or the text is no time. In the hour that an autumn night has twice,
 * the first.
 */
export function moment(wall: string, zone: string): Date | null {
  const seconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.exec(wall);
  if (!seconds) return null;
  const shown = (at: Date) => wallClock(at, zone, seconds[1] !== undefined);
  const utc = Date.parse(wall + 'Z');
  if (Number.isNaN(utc)) return null;
  // Clocks are within 14 hours of UTC, and jump by at most a few hours in a day.
  const offsets = new Set([-24, 0, 24].map((h) => utc - Date.parse(shown(new Date(utc + h * 3_600_000)) + 'Z') + h * 3_600_000));
  const found = [...offsets].map((o) => new Date(utc + o)).filter((d) => shown(d) === wall);
  return found.sort((a, b) => a.getTime() - b.getTime())[0] ?? null;
}

/** What clocks of the zone show, as an input of type datetime-local has it. */
export function wallClock(at: Date, zone: string, seconds = false): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const get = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  return `${get('year').padStart(4, '0')}-${get('month')}-${get('day')}T${get('hour')}:${get('minute')}${seconds ? `:${get('second')}` : ''}`;
}
