// Hits of the own agency as they come: server-sent events while the page is open,
// web push while it is not.
import { get, post, type Schemas } from '$lib/api/client';
import { reached, subscription } from '$lib/push';
import type { Words } from '../../sw/notice';

export type Hit = Schemas['HitView'];

/** The hits on the desk. Open ones are live from start() to stop(). */
export class Hits {
  /** Not yet resolved, newest read first. */
  open = $state.raw<Hit[]>();
  /** The stream stands. */
  live = $state(false);
  failure = $state.raw<unknown>();
  /** Told of each hit that is new. */
  onraised?: (hit: Hit) => void;
  #events?: EventSource;

  /** Listens first and asks then, so that nothing falls in between. */
  async start(): Promise<void> {
    this.#events = new EventSource('/api/v1/plates/alerts');
    this.#events.onopen = () => (this.live = true);
    this.#events.onerror = () => (this.live = false); // the browser comes back by itself, with Last-Event-ID
    this.#events.addEventListener('hit', (e) => this.take(JSON.parse((e as MessageEvent<string>).data) as Hit, true));
    await this.load();
  }

  async load(): Promise<void> {
    this.failure = undefined;
    try {
      const { hits } = await get('/api/v1/plates/hits');
      const newer = this.open ?? [];
      this.open = hits;
      newer.forEach((h) => this.take(h, false));
    } catch (e) {
      this.failure = e;
    }
  }

  stop(): void {
    this.#events?.close();
    this.live = false;
  }

  /** Takes over how a hit is now. One that is resolved stays until the page asks again, so that nothing jumps away under her hand. */
  take(hit: Hit, told: boolean): void {
    const had = this.open?.find((h) => h.id === hit.id);
    if (had && BigInt(had.seq) > BigInt(hit.seq)) return;
    if (!had && hit.outcome) return;
    this.open = [...(this.open ?? []).filter((h) => h.id !== hit.id), hit].sort((a, b) => b.last.localeCompare(a.last) || b.id.localeCompare(a.id));
    if (told && !had) this.onraised?.(hit);
  }
}

const kept = 'porchlight.alerts';

/** This browser is told of hits while the page is closed. */
export const alerted = (): boolean => localStorage.getItem(kept) === 'on';

/** Asks to be told; false when she did not allow it. words is what a message will say; {list} stands for the list's name. Throws a Problem. */
export async function startAlerts(key: string, words: Pick<Words, 'title' | 'body'>): Promise<boolean> {
  const here = await reached(key);
  if (!here) return false;
  await (await caches.open('notice-words')).put('/alert-words', Response.json(words));
  await post('/api/v1/plates/alerts/push', { body: here });
  localStorage.setItem(kept, 'on');
  return true;
}

/** Ends it. The browser's subscription stays: notices may need it. Throws a Problem. */
export async function stopAlerts(): Promise<void> {
  const there = await subscription();
  if (there) await post('/api/v1/plates/alerts/push/leave', { body: { endpoint: there.endpoint } });
  localStorage.removeItem(kept);
}

/** Two short tones and, on a phone, a buzz. Browsers keep quiet until she has touched the page. */
export function chime(): void {
  navigator.vibrate?.([120, 80, 120]);
  const audio = new AudioContext();
  [660, 880].forEach((frequency, i) => {
    const tone = new OscillatorNode(audio, { frequency });
    const volume = new GainNode(audio, { gain: 0.15 });
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + i * 0.18);
    tone.stop(audio.currentTime + i * 0.18 + 0.14);
    if (i === 1) tone.onended = () => void audio.close();
  });
}
