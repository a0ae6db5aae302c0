// Plays fragmented MP4 while it arrives, through Media Source: footage from any
// moment on, and what a camera sees now. The player keeps little: half a minute
// ahead, so that the house's computer reads no more than is watched.

/** The browser cannot decode it; codec is what it is. */
export class Unplayable extends Error {
  override name = 'Unplayable';
  constructor(readonly codec: string) {
    super(`cannot play ${codec}`);
  }
}

export interface PlayOptions {
  signal: AbortSignal;
  /** Stay at the newest picture. */
  live?: boolean;
  /** The first pictures are there. */
  onstart?: () => void;
}

/** This browser decodes H.265 of an ordinary camera. */
export const playsH265 = (): boolean => sourceOf()?.isTypeSupported('video/mp4; codecs="hvc1.1.6.L120.90"') ?? false;

const sourceOf = () => (globalThis as { ManagedMediaSource?: typeof MediaSource }).ManagedMediaSource ?? globalThis.MediaSource;

const ahead = 30; // seconds
const behind = 20;
const lag = 3; // seconds that a live view may fall back before it catches up

/**
 * Plays what url answers in video until it ends or signal does: the instant at which the footage it
 * played ends, if the answer says so. Throws Unplayable, a Problem, or what fetch throws.
 */
export async function play(video: HTMLVideoElement, url: string, { signal, live = false, onstart }: PlayOptions): Promise<number | undefined> {
  const Source = sourceOf();
  if (!Source) throw new Unplayable('');
  const response = await fetch(url, { signal, credentials: 'same-origin' });
  if (!response.ok || !response.body) throw await response.json().catch(() => new Error(`status ${response.status}`));
  const reader = response.body.getReader();
  const to = Date.parse(response.headers.get('Porchlight-To') ?? '') || undefined;

  // Until the head is whole nobody can tell what the film is.
  let head = new Uint8Array();
  let codec: string | undefined;
  while (codec === undefined) {
    const { done, value } = await reader.read();
    if (done) return to;
    head = join(head, value);
    codec = codecsOf(head);
  }
  const type = `video/mp4; codecs="${codec}"`;
  if (!Source.isTypeSupported(type)) {
    await reader.cancel();
    throw new Unplayable(codec);
  }

  const media = new Source();
  video.disableRemotePlayback = true; // what Apple's ManagedMediaSource asks for
  const address = URL.createObjectURL(media);
  video.src = address;
  try {
    await once(media, 'sourceopen', signal);
    const buffer = media.addSourceBuffer(type);
    buffer.mode = 'sequence'; // time 0 is where it begins; new files of a live view follow on
    const settled = () => (buffer.updating ? once(buffer, 'updateend', signal) : Promise.resolve());
    let started = false;
    for (let chunk: Uint8Array | undefined = head; chunk; ) {
      await settled();
      try {
        buffer.appendBuffer(chunk as BufferSource);
      } catch (error) {
        if (!(error instanceof DOMException && error.name === 'QuotaExceededError')) throw error;
        buffer.remove(0, Math.max(1, video.currentTime - 1));
        continue;
      }
      await settled();
      const end = buffer.buffered.length > 0 ? buffer.buffered.end(buffer.buffered.length - 1) : 0;
      if (!started && end > 0) {
        started = true;
        onstart?.();
        void video.play().catch(() => undefined); // a browser may want a touch first
      }
      if (live && end - video.currentTime > lag) video.currentTime = end - 0.5;
      if (video.currentTime > behind * 2) {
        buffer.remove(0, video.currentTime - behind);
        await settled();
      }
      while (!live && end - video.currentTime > ahead) await once(video, 'timeupdate', signal);
      const next = await reader.read();
      chunk = next.value;
    }
    await settled();
    if (media.readyState === 'open') media.endOfStream();
    await once(video, 'ended', signal);
    return to;
  } finally {
    void reader.cancel().catch(() => undefined);
    URL.revokeObjectURL(address);
  }
}

function once(on: EventTarget, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    on.addEventListener(event, () => (signal.removeEventListener('abort', stop), resolve()), { once: true });
  });
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** The codecs of a film, as RFC 6381 writes them, from its head; undefined while the head is not whole. */
export function codecsOf(head: Uint8Array): string | undefined {
  const moov = boxes(head).find((b) => b.type === 'moov');
  if (!moov) return undefined;
  const codecs: string[] = [];
  for (const trak of children(moov.body, 'trak')) {
    const stsd = ['mdia', 'minf', 'stbl', 'stsd'].reduce<Uint8Array | undefined>((inside, type) => inside && children(inside, type)[0], trak);
    const entry = stsd && boxes(stsd.subarray(8))[0];
    if (entry) codecs.push(codecOf(entry));
  }
  return codecs.join(',');
}

interface Box {
  type: string;
  body: Uint8Array;
}

/** The whole boxes of a part of an ISO base media file (ISO/IEC 14496-12). */
function boxes(bytes: Uint8Array): Box[] {
  const all: Box[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > bytes.length) break;
    all.push({ type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), body: bytes.subarray(at + 8, at + size) });
    at += size;
  }
  return all;
}

const children = (bytes: Uint8Array, type: string) => boxes(bytes).flatMap((b) => (b.type === type ? [b.body] : []));
const hex = (n: number) => n.toString(16).padStart(2, '0');

/** One sample entry's codec (ISO/IEC 14496-15 annex E for avcC and hvcC). */
function codecOf({ type, body }: Box): string {
  const pictures = () => body.subarray(78); // behind a VisualSampleEntry's own fields
  if (type === 'avc1' || type === 'avc3') {
    const c = children(pictures(), 'avcC')[0];
    return c ? `${type}.${hex(c[1]!)}${hex(c[2]!)}${hex(c[3]!)}` : type;
  }
  if (type === 'hvc1' || type === 'hev1') {
    const c = children(pictures(), 'hvcC')[0];
    if (!c) return type;
    const flags = new DataView(c.buffer, c.byteOffset).getUint32(2);
    let mirrored = 0;
    for (let i = 0; i < 32; i++) mirrored = (mirrored * 2 + ((flags >>> i) & 1)) >>> 0;
    const rest = [...c.subarray(6, 12)];
    while (rest.length > 0 && rest.at(-1) === 0) rest.pop();
    const space = ['', 'A', 'B', 'C'][c[1]! >> 6];
    return [type, `${space}${c[1]! & 31}`, mirrored.toString(16).toUpperCase(), `${c[1]! & 32 ? 'H' : 'L'}${c[12]}`, ...rest.map((b) => b.toString(16).toUpperCase())].join('.');
  }
  if (type === 'mp4a') {
    const esds = children(body.subarray(28), 'esds')[0];
    // The object type is the first byte of the DecoderConfigDescriptor (tag 4), ISO/IEC 14496-1.
    const at = esds ? esds.indexOf(4, 9) : -1;
    let i = at + 1;
    while (esds && esds[i]! & 0x80) i++;
    const kind = at < 0 ? 0x40 : esds![i + 1]!;
    return kind === 0x40 ? 'mp4a.40.2' : `mp4a.${hex(kind)}`;
  }
  return type === 'Opus' ? 'opus' : type;
}
