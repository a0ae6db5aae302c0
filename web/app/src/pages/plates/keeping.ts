// How long plate reads and their pictures are kept, in words and as a form holds it.
import { plural } from '$lib/i18n/index.svelte';

export const units = { days: 1440, hours: 60, minutes: 1 } as const;
export type Unit = keyof typeof units;

/** Most minutes that reads are kept here, whatever the law allows (search.MostKept). */
export const MOST = 30 * units.days;

/** Whole minutes in the largest unit that says them exactly. */
export function inUnits(minutes: number): { n: number; unit: Unit } {
  const unit = (Object.keys(units) as Unit[]).find((u) => minutes % units[u] === 0) ?? 'minutes';
  return { n: minutes / units[unit], unit };
}

/** "21 days", "3 minutes". */
export function lasting(minutes: number): string {
  const { n, unit } = inUnits(minutes);
  return plural(`plate.page.${unit}`, n);
}

/** What a form says, in minutes; undefined unless it is a whole number of them, at least one and at most `most`. */
export function minutesOf(n: number | string | null | undefined, unit: Unit, most: number): number | undefined {
  const minutes = n === '' || n == null ? NaN : Number(n) * units[unit];
  return Number.isInteger(minutes) && minutes > 0 && minutes <= most ? minutes : undefined;
}
