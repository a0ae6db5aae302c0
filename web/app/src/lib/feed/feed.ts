// Reads the feed of open requests (canvass/feed.go says what a file is): fetches
// the file of one coarse cell, checks its signature, and finds on the device
// which requests are near. The exchange learns the cell and nothing else.
import type { Point, Polygon } from '$lib/map/shapes';
import { distanceM } from './area';
import { cellOf } from './cell';

/** What a request says, as the ledger's entry of its publication commits to it. Field order matters to contentHash. */
export interface Content {
  id: string;
  /** ORI */
  agency: string;
  incident: string;
  narrative: string;
  area: Polygon;
  from: string;
  to: string;
  /** IANA zone in which the window is to be read. */
  time_zone: string;
  expires: string;
  contact: string;
}

export interface Item {
  request: Content;
  /** Of the entry that published it. */
  entry: number;
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
  interval_seconds: number;
  cells: string[];
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

/** The cells of this exchange and its key. The same for everybody. */
export async function openFeed(): Promise<Index> {
  const answer = await fetch(path, { credentials: 'omit' });
  if (!answer.ok) throw new TypeError(`fetching the feed: ${answer.status}`);
  return (await answer.json()) as Index;
}

/** The cell of a place; null when this exchange does not reach there (then nothing is asked of it). */
export function coveredCell(index: Index, place: Point): string | null {
  const cell = cellOf(place);
  return index.cells.includes(cell) ? cell : null;
}

/** Fetches and checks the file of a cell. Throws FeedError or a TypeError. */
export async function fetchCell(index: Index, cell: string, now = Date.now()): Promise<Feed> {
  // No cookies: the request is the same whoever makes it.
  const answer = await fetch(path + cell, { credentials: 'omit' });
  if (!answer.ok) throw new TypeError(`fetching the feed: ${answer.status}`);
  const feed = await readFeed(new Uint8Array(await answer.arrayBuffer()), index.key);
  if (feed.cell !== cell) throw new FeedError('wrong-cell');
  // Two intervals, and ten minutes for clocks that differ.
  if (Math.abs(now - feed.made.getTime()) > 2 * feed.interval * 1000 + 600_000) throw new FeedError('stale');
  return feed;
}

/** Checks the bytes of a file against the key and parses them. Throws FeedError. */
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
  for (const { request } of body.requests) heard.set(request.id, request);
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

/** A request this page has read in the feed, so that nobody need be asked for it again. */
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

/** Lower-case hex SHA-256 of a request's content: the public value "content" of the entry that published it. */
export async function contentHash(content: Content): Promise<string> {
  const sum = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(content)));
  return Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, '0')).join('');
}
