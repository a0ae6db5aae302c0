// Every page of the house: one line each. Go serves the same shell for all of them (home/web/pages.go).
import type { Route } from '$lib/router.svelte';

export const routes: readonly Route[] = [
  { path: '/', shell: 'desk', page: () => import('./pages/Live.svelte') },
  { path: '/pair', shell: 'door', page: () => import('./pages/Pair.svelte') },
  { path: '/timeline', shell: 'desk', page: () => import('./pages/Timeline.svelte') },
  { path: '/cameras', shell: 'door', page: () => import('./pages/Cameras.svelte') },
  { path: '/cameras/:id', shell: 'door', page: () => import('./pages/Camera.svelte') },
  { path: '/storage', shell: 'door', page: () => import('./pages/Storage.svelte') },
  { path: '/devices', shell: 'door', page: () => import('./pages/Devices.svelte') },
  { path: '/house', shell: 'door', page: () => import('./pages/HousePage.svelte') },
];
