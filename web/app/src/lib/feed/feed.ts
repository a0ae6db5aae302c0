// Reads the feed of open requests (canvass/feed.go says what a file is): fetches
// the file of one coarse cell, checks its signature and each request against the
// ledger, and finds on the device which requests are near. The exchange learns
// the cell and nothing else.
import { introduction, permitted, verifierOf, type Verifier } from '$lib/ledger';
import type { Point } from '$lib/map/shapes';
import { Unproved } from '$lib/unproved';
import { distanceM } from './area';
import { cellOf } from './cell';
import { checkContent, type Content } from './content';

export interface Item {
  request: Content;
  /** Of the entry that published it, and its receipt. */
  entry: number;
  receipt: string;
  published: string;
  agency_name: string;
  agency_kind: string;
  /** age recipient of the agency's vault, and the entry that published it. */
  vault: string;
  vault_entry: number;
}

export interface Feed {
  cell: string;
  made: Date;
  interval: number;
  requests: Item[];
}

export interface Index {
  /** Verifier key of the files, "<origin>/feed+hash+key". */
  key: string;
  /** Of the act setting.change that recorded the key. */
  receipt: string;
  interval_seconds: number;
  cells: string[];
}

/** An index whose key the ledger proves, and that ledger. */
export interface Proved extends Index {
  ledger: Verifier;
}

/** Why a file is not believed. */
export type Trouble = 'malformed' | 'signature' | 'wrong-cell' | 'stale';
export class FeedError extends Error {
  constructor(readonly trouble: Trouble) {
    super(`feed: ${trouble}`);
  }
}

const path = '/feed/v1/';
/** How far from an area one may be to be told of it, in metres; files reach as far. */
export const nearMetres = 500;

/** The cells of this exchange and its key. The same for everybody. Throws Unproved, a Problem or a TypeError. */
export async function openFeed(): Promise<Proved> {
  const [answer, exchange] = await Promise.all([fetch(path, { credentials: 'omit' }), introduction()]);
  if (!answer.ok) throw new TypeError(`fetching the feed: ${answer.status}`);
  return checkIndex((await answer.json()) as Index, verifierOf(exchange));
}

/** Checks that the exchange recorded the feed's key in its ledger. Throws Unproved. */
export async function checkIndex(index: Index, ledger: Verifier): Promise<Proved> {
  const { act } = (await permitted('feed-key', index.receipt, ledger, 'setting.change')).entry;
  if (act.public?.feed_key !== index.key) throw new Unproved('feed-key', 'the ledger names another key');
  return { ...index, ledger };
}

/** The cell of a place; null when this exchange does not reach there (then nothing is asked of it). */
export function coveredCell(index: Index, place: Point): string | null {
  const cell = cellOf(place);
  return index.cells.includes(cell) ? cell : null;
}

/** Fetches and checks the file of a cell. Throws FeedError, Unproved or a TypeError. */
export async function fetchCell(index: Proved, cell: string, now = Date.now()): Promise<Feed> {
  // No cookies: the request is the same whoever makes it.
  const answer = await fetch(path + cell, { credentials: 'omit' });
  if (!answer.ok) throw new TypeError(`fetching the feed: ${answer.status}`);
  const feed = await readFeed(new Uint8Array(await answer.arrayBuffer()), index.key);
  if (feed.cell !== cell) throw new FeedError('wrong-cell');
  // Two intervals, and ten minutes for clocks that differ.
  if (Math.abs(now - feed.made.getTime()) > 2 * feed.interval * 1000 + 600_000) throw new FeedError('stale');
  await Promise.all(feed.requests.map((item) => checkContent(item.request, item.receipt, index.ledger)));
  for (const { request } of feed.requests) heard.set(request.id, request);
  return feed;
}

/** Checks the bytes of a file against the key and parses them, whatever the ledger says of them. Throws FeedError. */
export async function readFeed(file: Uint8Array, vkey: string): Promise<Feed> {
  const whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text: string;
  try {
    text = whole.decode(file);
  } catch {
    throw new FeedError('malformed');
  }
  const split = text.lastIndexOf('\n\n');
  if (split < 0) throw new FeedError('malformed');
  const signed = text.slice(0, split + 1);
  const key = parseKey(vkey);
  const prefix = `\u2014 ${key.name} `;
  const lines = text.slice(split + 2).split('\n');
  const line = lines.find((l) => l.startsWith(prefix));
  if (!line) throw new FeedError('signature');
  const signature = fromBase64(line.slice(prefix.length));
  if (signature.length !== 68 || !key.hash.every((b, i) => signature[i] === b)) throw new FeedError('signature');
  const verifier = await crypto.subtle.importKey('raw', key.bytes, 'Ed25519', false, ['verify']);
  if (!(await crypto.subtle.verify('Ed25519', verifier, signature.slice(4), new TextEncoder().encode(signed)))) throw new FeedError('signature');
  return parse(signed);
}

function parse(text: string): Feed {
  const [header, cell, made, json, padding, ...rest] = text.split('\n');
  if (header !== 'porchlight-feed/v1' || !cell || !made || !json || !/^\.*$/.test(padding ?? '') || rest.length !== 1) throw new FeedError('malformed');
  const body = JSON.parse(json) as { interval_seconds: number; requests: Item[] };
  const at = new Date(made);
  if (Number.isNaN(at.getTime()) || !Array.isArray(body.requests)) throw new FeedError('malformed');
  return { cell, made: at, interval: body.interval_seconds, requests: body.requests };
}

/** A verifier key of C2SP signed notes: name, hash, and 1 || Ed25519 key. */
function parseKey(vkey: string) {
  const [name = '', hash = '', ...rest] = vkey.split('+');
  const key = fromBase64(rest.join('+'));
  if (!name.endsWith('/feed') || !/^[0-9a-f]{8}$/.test(hash) || key[0] !== 1 || key.length !== 33) throw new FeedError('malformed');
  return { name, hash: [0, 2, 4, 6].map((i) => parseInt(hash.slice(i, i + 2), 16)), bytes: key.slice(1) };
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    throw new FeedError('malformed');
  }
}

const heard = new Map<string, Content>();

/** A request this page has read in the feed and found proved, so that nobody need be asked for it again. */
export const recall = (id: string): Content | undefined => heard.get(id);

export interface Near {
  item: Item;
  /** 0 when the place is inside the area. */
  metres: number;
}

/** The requests that can be answered now and are within reach of the place, nearest first. */
export function nearby(feed: Feed, place: Point, metres = nearMetres, now = Date.now()): Near[] {
  return feed.requests
    .filter((item) => new Date(item.request.expires).getTime() > now)
    .map((item) => ({ item, metres: distanceM(item.request.area, place) }))
    .filter((n) => n.metres <= metres)
    .sort((a, b) => a.metres - b.metres);
}
