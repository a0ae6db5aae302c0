// Every page of the app: one line each. Go serves the same shell for all of them.
import type { Route } from '$lib/router.svelte';

export const routes: readonly Route[] = [
  { path: '/desk', shell: 'desk', page: () => import('./pages/shell/Desk.svelte') },
  { path: '/r/:id/share', shell: 'door', page: () => import('./pages/answer/Share.svelte') },
  { path: '/clip', shell: 'door', page: () => import('./pages/answer/Clip.svelte') },
  { path: '/enrol', shell: 'door', page: () => import('./pages/people/Enrol.svelte') },
  { path: '/signin', shell: 'door', page: () => import('./pages/people/SignIn.svelte') },
  { path: '/desk/people', shell: 'desk', page: () => import('./pages/people/People.svelte') },
  { path: '/desk/vault', shell: 'desk', page: () => import('./pages/people/Vault.svelte') },
  { path: '/desk/agencies', shell: 'desk', page: () => import('./pages/people/Agencies.svelte') },
  { path: '/desk/audit', shell: 'desk', page: () => import('./pages/people/Audit.svelte') },
  { path: '/desk/evidence', shell: 'desk', page: () => import('./pages/keep/Inbox.svelte') },
  { path: '/desk/evidence/:item', shell: 'desk', page: () => import('./pages/keep/Item.svelte') },
  { path: '/desk/case/:case', shell: 'desk', page: () => import('./pages/keep/Case.svelte') },
  { path: '/near', shell: 'door', page: () => import('./pages/ask/Near.svelte') },
  { path: '/notices', shell: 'door', page: () => import('./pages/ask/Notices.svelte') },
  { path: '/desk/requests', shell: 'desk', page: () => import('./pages/ask/Mine.svelte') },
  { path: '/desk/requests/new', shell: 'desk', page: () => import('./pages/ask/New.svelte') },
  { path: '/desk/moderation', shell: 'desk', page: () => import('./pages/ask/Moderation.svelte') },
  { path: '/desk/hits', shell: 'desk', page: () => import('./pages/plates/Hits.svelte') },
  { path: '/desk/lists', shell: 'desk', page: () => import('./pages/plates/Lists.svelte') },
  { path: '/audit', shell: 'door', page: () => import('./pages/audit/Logs.svelte') },
  { path: '/desk/pictures', shell: 'desk', page: () => import('./pages/plates/PicturesAsked.svelte') },
  { path: '/desk/cameras', shell: 'desk', page: () => import('./pages/plates/Cameras.svelte') },
  { path: '/verify', shell: 'door', page: () => import('./pages/prove/Verify.svelte') },
];
