// Every page of the house: one line each. Go serves the same shell for all of them (home/web/pages.go).
import type { Route } from '$lib/router.svelte';

export const routes: readonly Route[] = [
  { path: '/', shell: 'desk', page: () => import('./pages/Live.svelte') },
  { path: '/pair', shell: 'door', page: () => import('./pages/Pair.svelte') },
  { path: '/timeline', shell: 'desk', page: () => import('./pages/Timeline.svelte') },
  { path: '/requests', shell: 'door', page: () => import('./pages/Requests.svelte') },
  { path: '/requests/:id', shell: 'door', page: () => import('./pages/Request.svelte') },
  { path: '/answers', shell: 'door', page: () => import('./pages/Answers.svelte') },
  { path: '/answers/:id', shell: 'door', page: () => import('./pages/Answer.svelte') },
  { path: '/faces', shell: 'door', page: () => import('./pages/Faces.svelte') },
  { path: '/me', shell: 'door', page: () => import('./pages/Me.svelte') },
  { path: '/pets', shell: 'door', page: () => import('./pages/Pets.svelte') },
  { path: '/privacy', shell: 'door', page: () => import('./pages/Privacy.svelte') },
  { path: '/cameras', shell: 'door', page: () => import('./pages/Cameras.svelte') },
  { path: '/cameras/:id', shell: 'door', page: () => import('./pages/Camera.svelte') },
  { path: '/storage', shell: 'door', page: () => import('./pages/Storage.svelte') },
  { path: '/devices', shell: 'door', page: () => import('./pages/Devices.svelte') },
  { path: '/house', shell: 'door', page: () => import('./pages/HousePage.svelte') },
];
