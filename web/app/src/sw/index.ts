// The one service worker of the site. Each concern is a module of its own.

import { openNotice, showNotice } from './notice';
import { play, playMessage, stopMessage } from './playback';

declare const self: ServiceWorkerGlobalScope;

self.addEventListener('install', () => void self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('message', (event) => {
  if (event.data?.type === 'claim') event.waitUntil(self.clients.claim());
  else if (playMessage(event.data) || stopMessage(event.data)) event.ports[0]?.postMessage('ok');
});

self.addEventListener('fetch', (event) => {
  const answer = play(event, self.clients);
  if (answer) event.respondWith(answer);
});

self.addEventListener('push', (event) => event.waitUntil(showNotice(event, self.registration)));
self.addEventListener('notificationclick', (event) => event.waitUntil(openNotice(event, self.clients)));
