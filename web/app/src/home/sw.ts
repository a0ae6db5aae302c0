// The house's service worker: shows a notice, and opens its page. It keeps no page and
// answers no request.
declare const self: ServiceWorkerGlobalScope;

/** What home/notify sends. */
interface Notice {
  title: string;
  body: string;
  /** Of the house, e.g. "/requests/01j..."; "" none. */
  page: string;
  tag: string;
}

/** Asks an open page of the house to show another. */
export interface ShowMessage {
  type: 'show';
  page: string;
}

self.addEventListener('install', () => void self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => {
  const { title, body, page, tag } = event.data?.json() as Notice;
  event.waitUntil(self.registration.showNotification(title, { body, tag, data: page, icon: '/icons/icon-192.png', badge: '/icons/icon-192.png' }));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(String(event.notification.data || '/')));
});

/** Shows a page of the house, in a window that is open if there is one. */
async function open(page: string): Promise<void> {
  const [window] = await self.clients.matchAll({ type: 'window' });
  if (!window) return void (await self.clients.openWindow(page));
  window.postMessage({ type: 'show', page } satisfies ShowMessage);
  await window.focus();
}
