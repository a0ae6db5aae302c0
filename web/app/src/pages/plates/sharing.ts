// What the sharing desk shows and sends.
import type { Schemas } from '$lib/api/client';

export type View = Schemas['SharingView'];
export type Setting = Schemas['SharingSetting'];

export const audiences = ['nobody', 'agencies', 'peers', 'distance', 'same-state', 'like-law', 'exchange'] as const;

/** How many agencies the picture names on each side; the table names all. */
const most = 12;

/** Who may search owner's reads, and whose owner may search. */
export function around(views: readonly View[], owner: string) {
  const us = views.find((v) => v.owner === owner);
  const rows = views
    .filter((v) => v.owner !== owner)
    .map((v) => ({ ori: v.owner, name: v.name, seesUs: us?.reaches.includes(v.owner) ?? false, weSee: v.reaches.includes(owner) }))
    .filter((r) => r.seesUs || r.weSee);
  const left = rows.filter((r) => r.seesUs);
  const right = rows.filter((r) => r.weSee);
  return { rows, left: left.slice(0, most), right: right.slice(0, most), leftMore: Math.max(0, left.length - most), rightMore: Math.max(0, right.length - most) };
}

/** A setting with only what its audience has, in order. */
export function tidy(s: { audience: Setting['audience']; agencies: string[]; km: number; peers: string[] }): Setting {
  return {
    audience: s.audience,
    ...(s.audience === 'agencies' && { agencies: [...s.agencies].sort() }),
    ...(s.audience === 'distance' && { km: s.km }),
    ...(s.audience !== 'nobody' && s.peers.length > 0 && { peers: [...s.peers].sort() }),
  };
}

/** Whether a setting can be asked of the exchange. */
export const complete = (s: Setting): boolean =>
  (s.audience !== 'agencies' || (s.agencies?.length ?? 0) > 0) &&
  (s.audience !== 'peers' || (s.peers?.length ?? 0) > 0) &&
  (s.audience !== 'distance' || (Number.isInteger(s.km) && s.km! >= 1 && s.km! <= 1000));

export const sameSetting = (a: Setting, b: Setting): boolean =>
  a.audience === b.audience && (a.km ?? 0) === (b.km ?? 0) && String(a.agencies ?? []) === String(b.agencies ?? []) && String(a.peers ?? []) === String(b.peers ?? []);

/** What the entry of sharing.change says (plate/sharing, Setting.public). */
export function publicOf(owner: string, s: Setting): Record<string, string> {
  return {
    owner,
    audience: s.audience,
    ...(s.agencies?.length && { agencies: s.agencies.join(' ') }),
    ...(s.km && { km: String(s.km) }),
    ...(s.peers?.length && { peers: s.peers.join(' ') }),
  };
}
