// Every page of the app: one line each. Go serves the same shell for all of them.
import type { Route } from '$lib/router.svelte';

export const routes: readonly Route[] = [
  { path: '/desk', shell: 'desk', page: () => import('./pages/shell/Desk.svelte') },
];
