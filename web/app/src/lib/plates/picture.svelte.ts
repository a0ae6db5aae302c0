// Pictures of plate reads in this browser: opened by an act, decrypted in a
// worker, shown with a mark of who opened them and why. They are held in memory
// while the app is open, so that a page drawn again asks for nothing twice.

import { base64 } from '@scure/base';
import { SvelteMap } from 'svelte/reactivity';
import { act } from '../act';
import { get, type Schemas } from '../api/client';
import { t } from '../i18n/index.svelte';
import { NoVaultKey, openVaultsWith, type Vaults } from '../keys/vault';
import { vaultKey } from '../ledger';
import { me } from '../me.svelte';
import { markLines } from './picture-mark';
import type { PictureDone, PictureJob } from './picture-worker';

/** What led to a picture: a search's entry, a hit, or another agency's ask. */
export type Lead = { search: string } | { hit: string } | { ask: string };

/** Of a read, what its picture needs. */
export interface PictureRead {
  id: string;
  /** ORI of the agency whose camera saw it. */
  owner: string;
  /** Id of the picture; '' when there is none. */
  image: string;
  text?: string;
}

export type Ask = Schemas['PictureAsk'];

/** Where a picture stands in this browser. */
export type Standing =
  | { state: 'loading' }
  | { state: 'locked' }
  | { state: 'gone' }
  | { state: 'error'; error: unknown }
  | { state: 'shown'; picture: Blob; lines: string[]; entry: number; sealed: Sealed };

interface Sealed {
  header: Uint8Array;
  identities: string[];
}

const standings = new SvelteMap<string, Standing>();
let vaults: Vaults | undefined;

/** Most pictures opened by one act (web.PicturesView). */
export const TOGETHER = 24;

const key = (read: PictureRead, lead: Lead) => `${read.image} ${JSON.stringify(lead)}`;

/** Where a picture stands; undefined while nobody asked to see it. */
export const standing = (read: PictureRead, lead: Lead): Standing | undefined => standings.get(key(read, lead));

/** Forgets how opening a picture went, e.g. to try again. */
export const forget = (read: PictureRead, lead: Lead): void => void standings.delete(key(read, lead));

/**
 * Opens pictures that one lead led to, one signature for up to 24 of an owner:
 * the act image.view. How it went is their standing; it throws nothing.
 */
export async function openPictures(reads: PictureRead[], lead: Lead): Promise<void> {
  const owners = Map.groupBy(reads.filter((r) => r.image && !standing(r, lead)), (r) => r.owner);
  for (const of of owners.values()) {
    for (let i = 0; i < of.length; i += TOGETHER) await openTogether(of.slice(i, i + TOGETHER), lead);
  }
}

async function openTogether(reads: PictureRead[], lead: Lead): Promise<void> {
  const all = (s: Standing) => reads.forEach((r) => standings.set(key(r, lead), s));
  all({ state: 'loading' });
  try {
    const { data, entry, prf } = await act('image.view', '/api/v1/plates/pictures/view', {
      body: { ...lead, pictures: reads.map((r) => ({ picture: r.image, read: r.id })) },
    });
    if (prf) vaults = await openVaultsWith(prf);
    if (!vaults) throw new NoVaultKey('the passkey gave no key');
    const identities = [...vaults.values()];
    const lines = markLines({
      reason: 'search' in lead ? t('picture.mark-search', { entry: lead.search }) : t('hit' in lead ? 'picture.mark-hit' : 'picture.mark-ask'),
      entry: t('picture.mark-entry', { entry }),
      officer: me.current?.name ?? '',
      agency: me.current?.agency?.name ?? '',
      at: new Date(data.at),
    });
    await Promise.all(
      reads.map(async (read) => {
        const opened = data.pictures.find((p) => p.picture === read.image);
        if (!opened) return;
        const header = base64.decode(opened.header);
        const sealed = { header, identities };
        try {
          const bytes = await run({ kind: 'open', identities, header, url: `/api/v1/plates/pictures/views/${data.act}/${read.image}`, size: opened.payload_size });
          const picture = new Blob([bytes], { type: bytes[0] === 0x89 ? 'image/png' : 'image/jpeg' });
          standings.set(key(read, lead), { state: 'shown', picture, lines, entry, sealed });
        } catch (error) {
          standings.set(key(read, lead), { state: 'error', error });
        }
      }),
    );
  } catch (error) {
    if (error instanceof NoVaultKey) all({ state: 'locked' });
    else if ((error as { status?: number }).status === 404) all({ state: 'gone' });
    else all({ state: 'error', error });
  }
}

/** One job of a worker that ends with it. Throws what went wrong there. */
function run(job: PictureJob): Promise<Uint8Array<ArrayBuffer>> {
  const worker = new Worker(new URL('./picture-worker.ts', import.meta.url), { type: 'module' });
  return new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<PictureDone>) => (data.kind === 'done' ? resolve(data.bytes) : reject(new Error(data.message)));
    worker.onerror = (e) => reject(new Error(e.message || 'the worker did not start'));
    worker.postMessage(job);
  }).finally(() => worker.terminate());
}

// ---- pictures of other agencies

let asks = $state.raw<Promise<Ask[]>>();

/** What this agency asked for and what it is asked for; fetched once until something changes. */
export function pictureAsks(): Promise<Ask[]> {
  return (asks ??= get('/api/v1/plates/pictures/asks'));
}

/** Asks the owner for a picture: the act image.ask. Throws a Problem or PasskeyRefused. */
export async function askFor(read: PictureRead, lead: Lead): Promise<void> {
  await act('image.ask', '/api/v1/plates/pictures/asks', { body: { ...lead, picture: read.image, read: read.id } });
  asks = undefined;
}

/** Days for which a picture is handed on. */
export const HAND_ON_DAYS = 7;

/** Hands a picture that is shown on to who asked: its file key, sealed to her agency's plates vault as the ledger proves it. */
export async function handOn(ask: Ask, sealed: Sealed): Promise<void> {
  const asker = await get('/api/v1/agencies/{ori}', { path: { ori: ask.asker } });
  if (!asker.plates) throw { type: '', title: t('picture.no-vault', { agency: asker.name }) };
  const recipient = await vaultKey(ask.asker, asker.plates.entry, 'plates');
  const header = await run({ kind: 'hand', ...sealed, recipient });
  await act('image.share', '/api/v1/plates/pictures/asks/{ask}/share', {
    path: { ask: ask.id },
    body: { header: base64.encode(header), expires: new Date(Date.now() + HAND_ON_DAYS * 86_400_000).toISOString() },
  });
  asks = undefined;
}
