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
