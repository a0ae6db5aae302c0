// What an investigator asks of plate reads, as the form holds it and as the API takes it.
import type { Schemas } from '$lib/api/client';
import type { Polygon } from '$lib/map/shapes';

export type Ask = Schemas['PlateAsk'];
export type Answer = Schemas['AnswerView'];
export type Read = Schemas['ReadView'];
export type Preview = Schemas['SearchPreview'];
export type Searched = Schemas['SearchActBody'];

export interface Draft {
  kind: 'plate' | 'area' | 'convoy';
  plate: string;
  from: string;
  to: string;
  color: string;
  make: string;
  type: string;
  area: Polygon | null;
  peers: string[];
  case: string;
  offense: string;
  note: string;
  behalf: string;
}

/** "2026-11-22T21:05" of a moment, in the zone of this device. */
export const wall = (at: Date): string => new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** A draft that asks back so many hours. */
export const fresh = (hours = 7 * 24): Draft => ({
  kind: 'plate',
  plate: '',
  from: wall(new Date(Date.now() - hours * 3_600_000)),
  to: wall(new Date()),
  color: '',
  make: '',
  type: '',
  area: null,
  peers: [],
  case: '',
  offense: '',
  note: '',
  behalf: '',
});

const instant = (local: string, end = false): string => {
  const at = new Date(local);
  if (Number.isNaN(at.getTime())) return new Date(0).toISOString();
  return new Date(at.getTime() + (end ? 60_000 : 0)).toISOString(); // the last minute belongs to it
};

/** The draft as the API takes it: what is empty asks nothing. */
export function askOf(d: Draft): Ask {
  return {
    kind: d.kind,
    from: instant(d.from),
    to: instant(d.to, true),
    case: d.case.trim(),
    offense: d.offense,
    note: d.note.trim(),
    ...(d.kind !== 'area' && { plate: d.plate.trim() }),
    ...(d.color && { color: d.color }),
    ...(d.make.trim() && { make: d.make.trim().toLowerCase() }),
    ...(d.type && { type: d.type }),
    ...(d.area && { area: d.area }),
    ...(d.peers.length > 0 && { peers: d.peers }),
    ...(d.behalf.trim() && { behalf: d.behalf.trim() }),
  } as Ask;
}

/** An ask as a draft again. */
export function draftOf(a: Ask): Draft {
  return {
    ...fresh(),
    ...(a as Partial<Draft>),
    area: (a.area as Polygon | undefined) ?? null,
    from: wall(new Date(a.from)),
    to: wall(new Date(Date.parse(a.to) - 60_000)),
  };
}

/** Whether two asks are one: as an approval is of exactly one. */
export const sameAsk = (a: Ask, b: Ask): boolean => canonical(a) === canonical(b);

function canonical(a: Ask): string {
  const flat = Object.entries({ ...a, from: Date.parse(a.from), to: Date.parse(a.to), plate: (a.plate ?? '').toUpperCase() })
    .filter(([, v]) => v !== '' && v !== undefined && v !== null && !(Array.isArray(v) && v.length === 0))
    .sort(([x], [y]) => (x < y ? -1 : 1));
  return JSON.stringify(flat);
}

/** Reads of all answers that permit, newest first, with the name of their owner. */
export function readsOf(answers: readonly Answer[]): { read: Read; owner: string; with: string }[] {
  const rows = answers.flatMap((a) => [
    ...a.reads.map((read) => ({ read, owner: a.name, with: '' })),
    ...a.companions.flatMap((c) => c.reads.map((read) => ({ read, owner: a.name, with: c.plate }))),
  ]);
  return rows.sort((x, y) => Date.parse(y.read.seen) - Date.parse(x.read.seen));
}
