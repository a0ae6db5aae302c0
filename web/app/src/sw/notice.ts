// A resident's push message is the token of a coarse cell and nothing else; the notice says
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

/** An officer's message: a hit of one of her agency's lists. It names the list, never a plate. */
interface Alert {
  list: string;
  hit: string;
}

function alertOf(text: string): Alert | undefined {
  return text.startsWith('{') ? (JSON.parse(text) as Alert) : undefined;
}

/** Shows the notice of a push message. */
export async function showNotice(event: PushEvent, registration: ServiceWorkerRegistration): Promise<void> {
  const text = event.data?.text() ?? '';
  const alert = alertOf(text);
  if (!alert) {
    const { title, ...rest } = await words();
    return registration.showNotification(title, { ...rest, tag: `cell-${text}` });
  }
  const kept = await caches.match('/alert-words');
  const { title, body } = kept ? ((await kept.json()) as Words) : { title: 'Porchlight', body: '{list}' };
  await registration.showNotification(title, { body: body.replace('{list}', alert.list), tag: `hit-${alert.hit}`, requireInteraction: true });
}

/** Opens the page it is about, in a tab that is open if there is one: requests nearby, or the hits. */
export async function openNotice(event: NotificationEvent, clients: Clients): Promise<void> {
  event.notification.close();
  const page = event.notification.tag.startsWith('hit-') ? '/desk/hits' : '/near';
  for (const client of await clients.matchAll({ type: 'window' })) {
    if (new URL(client.url).pathname === page) return void (await client.focus());
  }
  await clients.openWindow(page);
}
