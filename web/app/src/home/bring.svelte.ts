// Films that this device brings to the house, one after the other; it goes on while
// other pages are looked at, and after the line broke off.
import { SvelteMap } from 'svelte/reactivity';
import { get, post, type Schemas } from './api';

export type Film = Schemas['FilmView'];

/** How far a film of this device is. */
export interface Carried {
  name: string;
  size: number;
  /** Bytes that arrived. */
  have: number;
  /** It broke off and is tried again. */
  waiting: boolean;
  stop: AbortController;
}

/** Films under way from this device, by id. */
export const carried = new SvelteMap<string, Carried>();
/** What did not get through at all: the file's name and why. */
export const refused = new SvelteMap<string, unknown>();

const piece = 8 << 20; // bytes sent at once
let turn: Promise<unknown> = Promise.resolve();

/** Brings files to a camera's timeline, in their order. */
export async function bring(camera: string, files: readonly File[]): Promise<void> {
  for (const file of files) {
    refused.delete(file.name);
    await begin(camera, file).catch((error: unknown) => refused.set(file.name, error));
  }
}

async function begin(camera: string, file: File): Promise<void> {
  const film = await post('/api/v1/films', { body: { camera, name: file.name.slice(-255), size: file.size, written: new Date(file.lastModified).toISOString() } });
  if (film.state !== 'coming' || carried.has(film.id)) return;
  carried.set(film.id, { name: file.name, size: file.size, have: film.have, waiting: false, stop: new AbortController() });
  turn = turn.then(() => carry(film.id, file).catch((error: unknown) => refused.set(file.name, error)).finally(() => carried.delete(film.id)));
}

async function carry(id: string, file: File): Promise<void> {
  const now = () => carried.get(id)!;
  const { stop } = now();
  let [have, pause] = [now().have, 1000];
  for (let state = 'coming'; state === 'coming' && !stop.signal.aborted; ) {
    try {
      const answer = await fetch(`/api/v1/films/${id}/bytes?offset=${have}`, {
        method: 'PUT', credentials: 'same-origin', signal: stop.signal, headers: { 'Content-Type': 'application/octet-stream' }, body: file.slice(have, have + piece),
      });
      const told = (await answer.json()) as Film;
      if (answer.status === 409) ({ have, state } = await asked(id));
      else if (!answer.ok) throw told;
      else ({ have, state } = told);
      pause = 1000;
      carried.set(id, { ...now(), have, waiting: false });
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof TypeError)) throw error; // the house says no; a line that broke says nothing
      carried.set(id, { ...now(), waiting: true });
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(pause * 2, 30_000);
      ({ have, state } = await asked(id).catch(() => ({ have, state })));
    }
  }
}

async function asked(id: string): Promise<Pick<Film, 'have' | 'state'>> {
  const film = (await get('/api/v1/films')).find((f) => f.id === id);
  return film ?? { have: 0, state: 'failed' }; // somebody removed it
}

/** Ends bringing a film, and forgets what came of it. */
export async function forget(id: string): Promise<void> {
  carried.get(id)?.stop.abort();
  await post('/api/v1/films/{id}/remove', { path: { id } });
}
