// How items and acts are called.
import type { Item, ItemEvent } from '$lib/api/client';
import { lang, t, tOr } from '$lib/i18n/index.svelte';
import { absolute } from '$lib/time';

/** What an item is called before anybody opened it: the end of its id. */
export const itemName = (item: { id: string }): string => t('keep.clip-n', { id: item.id.slice(-6).toUpperCase() });

const kinds = { pending: 'info', accepted: 'success', 'withdrawal-requested': 'warn' } as const;

/** The badge of an item's state. */
export const badge = (item: Item): { text: string; kind: 'plain' | 'info' | 'success' | 'warn' } => ({
  text: tOr(`keep.state.${item.state}`, item.state),
  kind: kinds[item.state as keyof typeof kinds] ?? 'plain',
});

/** An event in words: "Accepted into a case", "Watched". */
export function says(e: ItemEvent): string {
  const detail = e.public?.triage ?? e.public?.reason ?? e.public?.answer ?? e.public?.form;
  const values = { to: e.other_name ?? '', from: e.other_name ?? '', of: e.public?.of ?? '' };
  return tOr(`keep.event.${e.action}.${detail}`, tOr(`keep.event.${e.action}`, tOr(`keep.act.${e.action}`, e.action), values), values);
}

/** Who did it: a person, a role, an agency. */
export function who(e: ItemEvent): string {
  const role = tOr(`keep.role.${e.role}`, e.role);
  return [e.person ? `${e.person} (${role})` : role, e.agency_name].filter(Boolean).join(', ');
}

/** What was stated in private, but for what the words say already. */
export const stated = (e: ItemEvent): [string, string][] =>
  ['purpose', 'reason', 'order', 'until', 'case', 'category', 'expires'].flatMap((name): [string, string][] => {
    const value = e.private?.[name];
    if (!value) return [];
    if (name === 'until' || name === 'expires') return [[name, absolute(new Date(value), lang())]];
    return [[name, name === 'category' ? tOr(`keep.category.${value}`, value) : value]];
  });
