// The desk's navigation: who sees which page, in which room. A line per page.
import type { Key } from '$lib/i18n/index.svelte';

export type Room = 'requests' | 'evidence' | 'plates' | 'agency';

export interface NavItem {
  href: string;
  room: Room;
  label: Key;
  roles: string[]; // any of these sees it
}

const pages: readonly NavItem[] = [
  { href: '/desk/requests', room: 'requests', label: 'ask.mine', roles: ['requester', 'admin', 'custodian', 'investigator'] },
  { href: '/desk/moderation', room: 'requests', label: 'ask.moderation', roles: ['moderator', 'auditor'] },
  { href: '/desk/pets', room: 'requests', label: 'pets.queue', roles: ['moderator', 'auditor'] },
  { href: '/desk/register', room: 'requests', label: 'told.desk', roles: ['requester', 'investigator', 'custodian'] },
  { href: '/desk/evidence', room: 'evidence', label: 'keep.inbox', roles: ['custodian', 'investigator'] },
  { href: '/desk/search', room: 'plates', label: 'plates.search', roles: ['investigator', 'auditor', 'admin'] },
  { href: '/desk/hits', room: 'plates', label: 'hits.title', roles: ['investigator'] },
  { href: '/desk/lists', room: 'plates', label: 'lists.title', roles: ['investigator', 'admin'] },
  { href: '/desk/pictures', room: 'plates', label: 'picture.asks', roles: ['investigator', 'custodian'] },
  { href: '/desk/cameras', room: 'plates', label: 'cameras.title', roles: ['admin', 'investigator'] },
  { href: '/desk/sharing', room: 'plates', label: 'sharing.nav', roles: ['admin', 'investigator', 'auditor', 'operator'] },
  { href: '/desk/people', room: 'agency', label: 'people.people', roles: ['admin', 'custodian', 'operator', 'auditor'] },
  { href: '/desk/agencies', room: 'agency', label: 'people.agencies', roles: ['operator', 'auditor'] },
  { href: '/desk/vault', room: 'agency', label: 'people.vault', roles: ['custodian', 'admin', 'investigator'] },
  { href: '/desk/audit', room: 'agency', label: 'people.audit', roles: ['auditor', 'admin'] },
];

/** The rooms that somebody with these roles sees, each with its pages. */
export function roomsOf(roles: readonly string[]) {
  const mine = pages.filter((p) => p.roles.some((r) => roles.includes(r)));
  return (['requests', 'evidence', 'plates', 'agency'] as const).flatMap((room) => {
    const [first, ...rest] = mine.filter((p) => p.room === room);
    return first ? [{ room, label: `shell.room-${room}` as const, first, pages: [first, ...rest] }] : [];
  });
}
