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

/** What another exchange said: its answers with the receipts of its own ledger, or why there are none. */
export interface PeerSaid {
  exchange: string;
  answers: Answer[];
  receipts: string[];
  problem: string;
}

/** What the exchanges that a search named say to it, as each answers. Throws a Problem, or a TypeError where the connection broke. */
export async function* peersOf(search: string, signal: AbortSignal): AsyncGenerator<PeerSaid> {
  const res = await fetch(`/api/v1/plates/searches/${search}/peers`, { signal });
  if (!res.ok || !res.body) throw await res.json().catch(() => ({ type: 'about:blank', title: res.statusText, status: res.status }));
  const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as PeerSaid;
  }
}

/** A read of an answer. Two exchanges can give theirs the same id: key tells them apart. */
export interface Found {
  key: string;
  read: Read;
  owner: string;
  /** Origin of the exchange that answered; empty at home. */
  exchange: string;
  /** The companion's plate, of a convoy. */
  with: string;
}

/** Reads of all answers that permit, newest first, with the name of their owner. */
export function readsOf(answers: readonly Answer[], said: readonly PeerSaid[] = []): Found[] {
  const of = (a: Answer, exchange: string) => {
    const found = (read: Read, plate: string) => ({ key: `${exchange && `${exchange}/`}${read.id}`, read, owner: a.name, exchange, with: plate });
    return [...a.reads.map((r) => found(r, '')), ...a.companions.flatMap((c) => c.reads.map((r) => found(r, c.plate)))];
  };
  return [...answers.flatMap((a) => of(a, '')), ...said.flatMap((p) => p.answers.flatMap((a) => of(a, p.exchange)))].sort(
    (x, y) => Date.parse(y.read.seen) - Date.parse(x.read.seen),
  );
}
