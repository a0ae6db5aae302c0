// Notices by web push for a coarse cell. The exchange keeps the browser's
// endpoint and the cell; which cells those are is also kept on the device.
import { post } from '$lib/api/client';
import type { Words } from '../../sw/notice';

const kept = 'porchlight.notice-cells';

export const pushPossible = (): boolean => 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis;

/** The cells this browser is told about. */
export function pushCells(): string[] {
  try {
    const cells: unknown = JSON.parse(localStorage.getItem(kept) ?? '[]');
    return Array.isArray(cells) ? cells.filter((c) => typeof c === 'string') : [];
  } catch {
    return [];
  }
}

const keep = (cells: string[]) => localStorage.setItem(kept, JSON.stringify(cells));

/** Subscribes; false when she did not allow it. words is what a notice will say. Throws a Problem. */
export async function startPush(cell: string, key: string, words: { title: string; body: string }): Promise<boolean> {
  if ((await Notification.requestPermission()) !== 'granted') return false;
  await navigator.serviceWorker.register('/sw.js');
  const { pushManager } = await navigator.serviceWorker.ready;
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint = '', keys = {} } = subscription.toJSON();
  // The worker has nothing of its own; see src/sw/notice.ts.
  const left: Words = { ...words, icon: await dataURL('/icons/icon-192.png') };
  await (await caches.open('notice-words')).put('/notice-words', Response.json(left));
  await post('/api/v1/notices/push', { body: { cell, endpoint, p256dh: keys.p256dh ?? '', auth: keys.auth ?? '' } });
  keep([...new Set([...pushCells(), cell])]);
  return true;
}

async function dataURL(path: string): Promise<string> {
  const reader = new FileReader();
  reader.readAsDataURL(await (await fetch(path)).blob());
  await new Promise((done) => reader.addEventListener('loadend', done));
  return String(reader.result);
}

/** Ends it for the cell, and altogether when it was the last. Throws a Problem. */
export async function stopPush(cell: string): Promise<void> {
  const { pushManager } = await navigator.serviceWorker.ready;
  const subscription = await pushManager.getSubscription();
  const left = pushCells().filter((c) => c !== cell);
  if (subscription) {
    await post('/api/v1/notices/push/leave', { body: { endpoint: subscription.endpoint, ...(left.length > 0 && { cell }) } });
    if (left.length === 0) await subscription.unsubscribe();
  }
  keep(left);
}
