// What every page knows: this house, this device, and that something changed.
import { get, type House } from './api';
import { problemOf } from '$lib/problem';

export const house = $state<{ current: House | null; failure: unknown }>({ current: null, failure: undefined });

/** Asks who we are; a device that is not paired is sent to the pairing page by App. */
export async function enter(): Promise<void> {
  try {
    house.current = await get('/api/v1/house');
    house.failure = undefined;
    listen();
  } catch (error) {
    house.current = null;
    house.failure = problemOf(error).status === 401 ? undefined : error;
  }
}

type Topic = 'cameras' | 'films' | 'moments' | 'requests' | 'answers' | 'storage' | 'devices' | 'privacy' | 'faces' | 'pets' | 'register';
const listeners = new Map<Topic, Set<() => void>>();
const waiting = new Set<Topic>();
let events: EventSource | undefined;

function listen() {
  if (events && events.readyState !== EventSource.CLOSED) return;
  events = new EventSource('/api/v1/events');
  let lost = false;
  events.onmessage = ({ data }: MessageEvent<Topic>) => {
    if (waiting.has(data)) return; // several changes are read at once
    waiting.add(data);
    setTimeout(() => {
      waiting.delete(data);
      listeners.get(data)?.forEach((f) => f());
    }, data === 'storage' ? 2000 : 200); // footage comes all the time
  };
  events.onerror = () => (lost = true);
  events.onopen = () => {
    if (lost) for (const all of listeners.values()) all.forEach((f) => f()); // what was missed meanwhile
    lost = false;
  };
}

export class Loaded<T> {
  value = $state.raw<T>();
  failure = $state.raw<unknown>();
  #read: () => Promise<T>;
  #turn = 0;
  constructor(read: () => Promise<T>) {
    this.#read = read;
  }
  /** Reads anew; what is there stays until the answer comes. The newest question wins. */
  reload = async (): Promise<void> => {
    const turn = ++this.#turn;
    try {
      const value = await this.#read();
      if (turn !== this.#turn) return;
      this.value = value;
      this.failure = undefined;
    } catch (error) {
      if (turn === this.#turn) this.failure = error;
    }
  };
}

/** What read answers, read again when a topic changes or when what read depends on does. For the start of a component. */
export function loaded<T>(read: () => Promise<T>, ...topics: Topic[]): Loaded<T> {
  const it = new Loaded(read);
  $effect(() => {
    void it.reload();
  });
  $effect(() => {
    for (const topic of topics) {
      const all = listeners.get(topic) ?? new Set();
      listeners.set(topic, all.add(it.reload));
    }
    return () => topics.forEach((topic) => listeners.get(topic)?.delete(it.reload));
  });
  return it;
}
