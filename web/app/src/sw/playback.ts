// Playback of encrypted clips: /desk/play/<act> answers like a plain file with
// Range requests, so that a <video> seeks, while the server sees only ranges of
// ciphertext. File keys are kept in this worker's memory alone; when the browser
// has stopped the worker meanwhile, the page that plays hands the key over again.

import { Clip, httpRange } from '$lib/vault/clip';

/** What a page hands over to play a clip. */
export interface PlayMessage {
  type: 'play';
  act: string; // names the view
  fileKey: Uint8Array;
  payloadSize: number;
  mime: string;
}

/** Asks a page for the PlayMessage of a view; it answers on the port, or not. */
export interface WantMessage {
  type: 'want-play';
  act: string;
}

interface Playing {
  clip: Clip;
  mime: string;
}

const prefix = '/desk/play/';
const playing = new Map<string, Playing>();

/** Adds what a page sends; true when the message was for this module. */
export function playMessage(data: unknown): boolean {
  if (!isPlay(data)) return false;
  playing.set(data.act, {
    clip: new Clip(data.fileKey, data.payloadSize, httpRange(`/api/v1/views/${data.act}/payload`)),
    mime: data.mime,
  });
  return true;
}

function isPlay(data: unknown): data is PlayMessage {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'play';
}

/** Forgets a view's key; true when the message was for this module. */
export function stopMessage(data: unknown): boolean {
  if (typeof data !== 'object' || data === null || !('type' in data) || data.type !== 'stop-play' || !('act' in data)) return false;
  playing.delete(String(data.act));
  return true;
}

/** The answer to a request for a clip; undefined for any other request. */
export function play(event: { request: Request; clientId: string }, clients: Clients): Promise<Response> | undefined {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin || !url.pathname.startsWith(prefix)) return undefined;
  return answer(url.pathname.slice(prefix.length), event, clients);
}

async function answer(act: string, event: { request: Request; clientId: string }, clients: Clients): Promise<Response> {
  if (!playing.has(act)) playMessage(await ask(act, event.clientId, clients));
  const found = playing.get(act);
  if (!found) return new Response(null, { status: 404 });
  return respond(found.clip, found.mime, event.request.headers.get('Range'));
}

/** A file's answer to a request with or without Range (RFC 9110 section 14). */
export function respond(clip: Pick<Clip, 'size' | 'stream'>, mime: string, range: string | null): Response {
  const headers = { 'Content-Type': mime, 'Accept-Ranges': 'bytes', 'Cache-Control': 'no-store' };
  const wanted = parseRange(range, clip.size);
  if (wanted === 'bad') {
    return new Response(null, { status: 416, headers: { ...headers, 'Content-Range': `bytes */${clip.size}` } });
  }
  const [start, end] = wanted ?? [0, clip.size];
  return new Response(clip.stream(start, end), {
    status: wanted ? 206 : 200,
    headers: {
      ...headers,
      'Content-Length': String(end - start),
      ...(wanted && { 'Content-Range': `bytes ${start}-${end - 1}/${clip.size}` }),
    },
  });
}

/** start and end (exclusive); null for no range, or one this does not read: the whole is sent. */
function parseRange(range: string | null, size: number): [number, number] | 'bad' | null {
  const m = range?.match(/^bytes=(\d*)-(\d*)$/);
  if (!m || (m[1] === '' && m[2] === '')) return null;
  const [, from = '', to = ''] = m;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1);
  return start < end ? [start, end] : 'bad';
}

/** Asks the page for a view's key; nothing after five seconds. */
async function ask(act: string, clientId: string, clients: Clients): Promise<unknown> {
  const page = await clients.get(clientId);
  if (!page) return undefined;
  const { port1, port2 } = new MessageChannel();
  const reply = new Promise((resolve) => {
    port1.onmessage = (event) => resolve(event.data);
    setTimeout(resolve, 5000);
  });
  page.postMessage({ type: 'want-play', act } satisfies WantMessage, [port2]);
  const data = await reply;
  port1.close();
  return data;
}
