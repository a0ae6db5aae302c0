// A push message is the token of a coarse cell and nothing else; the notice says
// that there is something new, in the words the page left when she opted in. The
// worker fetches nothing for it: that would show the exchange whom it has told.

export interface Words {
  title: string;
  body: string;
  /** As a data: URL. */
  icon?: string;
}

async function words(): Promise<Words> {
  const kept = await caches.match('/notice-words');
  return kept ? ((await kept.json()) as Words) : { title: 'Porchlight', body: '' };
}

/** Shows the notice of a push message. */
export async function showNotice(event: PushEvent, registration: ServiceWorkerRegistration): Promise<void> {
  const { title, ...rest } = await words();
  const cell = event.data?.text() ?? '';
  await registration.showNotification(title, { ...rest, tag: `cell-${cell}` });
}

/** Opens the page of requests nearby, in a tab that is open if there is one. */
export async function openNotice(event: NotificationEvent, clients: Clients): Promise<void> {
  event.notification.close();
  for (const client of await clients.matchAll({ type: 'window' })) {
    if (new URL(client.url).pathname === '/near') return void (await client.focus());
  }
  await clients.openWindow('/near');
}
