// Plays an encrypted clip in a <video>: the page's side of src/sw/playback.ts.

import type { PlayMessage } from '../../sw/playback';

/** A clip being played; src is for a <video>. close() makes every key here be forgotten. */
export interface Player {
  src: string;
  close(): void;
}

/** Hands the file key to the service worker. Throws where there is none (very old browsers, private windows of some). */
export async function openPlayer(clip: Omit<PlayMessage, 'type'>): Promise<Player> {
  if (!('serviceWorker' in navigator)) throw new Error('this browser has no service worker');
  const worker = await controller();
  const message: PlayMessage = { type: 'play', ...clip };
  // The browser may stop the worker while the page is open; it then asks again.
  const onmessage = (event: MessageEvent) => {
    if (event.data?.type === 'want-play' && event.data.act === clip.act) event.ports[0]?.postMessage(message);
  };
  navigator.serviceWorker.addEventListener('message', onmessage);
  await tell(worker, message);
  return {
    src: `/desk/play/${clip.act}`,
    close() {
      navigator.serviceWorker.removeEventListener('message', onmessage);
      worker.postMessage({ type: 'stop-play', act: clip.act });
      message.fileKey.fill(0);
    },
  };
}

/** The worker that controls this page, once it does. */
async function controller(): Promise<ServiceWorker> {
  const taken = new Promise<void>((resolve) => {
    if (navigator.serviceWorker.controller) resolve();
    else navigator.serviceWorker.addEventListener('controllerchange', () => resolve(), { once: true });
  });
  await navigator.serviceWorker.register('/sw.js');
  // A page reloaded past its cache has a worker that does not control it yet.
  (await navigator.serviceWorker.ready).active?.postMessage({ type: 'claim' });
  await taken;
  return navigator.serviceWorker.controller!;
}

async function tell(worker: ServiceWorker, message: PlayMessage): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await new Promise<void>((resolve) => {
    port1.onmessage = () => resolve();
    worker.postMessage(message, [port2]);
  });
  port1.close();
}
