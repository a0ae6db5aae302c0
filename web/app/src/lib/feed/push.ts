// Notices by web push for a coarse cell. The exchange keeps the browser's
// endpoint and the cell; which cells those are is also kept on the device.
import { post } from '$lib/api/client';
import { reached, subscription } from '$lib/push';
import type { Words } from '../../sw/notice';

const kept = 'porchlight.notice-cells';

export { pushPossible } from '$lib/push';

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
  const here = await reached(key);
  if (!here) return false;
  // The worker has nothing of its own; see src/sw/notice.ts.
  const left: Words = { ...words, icon: await dataURL('/icons/icon-192.png') };
  await (await caches.open('notice-words')).put('/notice-words', Response.json(left));
  await post('/api/v1/notices/push', { body: { cell, ...here } });
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
  const there = await subscription();
  const left = pushCells().filter((c) => c !== cell);
  if (there) {
    await post('/api/v1/notices/push/leave', { body: { endpoint: there.endpoint, ...(left.length > 0 && { cell }) } });
    if (left.length === 0) await there.unsubscribe();
  }
  keep(left);
}
