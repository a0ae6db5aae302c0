// The desk's navigation: who sees which page in the menu. A line per page.
import type { Key } from '$lib/i18n/index.svelte';

export interface NavItem {
  href: string;
  label: Key;
  /** Any of these roles sees it; empty means everybody signed in. */
  roles: string[];
}

export const deskNav: readonly NavItem[] = [
  { href: '/desk', label: 'shell.desk', roles: [] },
  { href: '/desk/requests', label: 'ask.mine', roles: ['requester', 'admin', 'custodian', 'investigator'] },
  { href: '/desk/moderation', label: 'ask.moderation', roles: ['moderator', 'auditor'] },
  { href: '/desk/agencies', label: 'people.agencies', roles: ['operator', 'auditor'] },
  { href: '/desk/people', label: 'people.people', roles: ['admin', 'custodian', 'operator', 'auditor'] },
  { href: '/desk/vault', label: 'people.vault', roles: ['custodian', 'admin', 'investigator'] },
  { href: '/desk/audit', label: 'people.audit', roles: ['auditor', 'admin'] },
  { href: '/desk/search', label: 'plates.search', roles: ['investigator', 'auditor', 'admin'] },
  { href: '/desk/pictures', label: 'picture.asks', roles: ['investigator', 'custodian'] },
  { href: '/desk/cameras', label: 'cameras.title', roles: ['admin', 'investigator'] },
  { href: '/desk/sharing', label: 'sharing.nav', roles: ['admin', 'investigator', 'auditor', 'operator'] },
  { href: '/desk/evidence', label: 'keep.inbox', roles: ['custodian', 'investigator'] },
  { href: '/desk/hits', label: 'hits.title', roles: ['investigator'] },
  { href: '/desk/lists', label: 'lists.title', roles: ['investigator', 'admin'] },
];
