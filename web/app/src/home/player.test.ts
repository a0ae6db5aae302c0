import { afterEach, describe, expect, it, vi } from 'vitest';
import { codecsOf, play, Unplayable } from './player';

const bytes = (...parts: (number | Uint8Array)[]) => Uint8Array.from(parts.flatMap((p) => (typeof p === 'number' ? [p] : [...p])));
const zeros = (n: number) => new Uint8Array(n);

/** A box of an ISO base media file. */
function box(type: string, ...parts: (number | Uint8Array)[]): Uint8Array {
  const body = bytes(...parts);
  const head = zeros(8);
  new DataView(head.buffer).setUint32(0, body.length + 8);
  [...type].forEach((letter, i) => (head[4 + i] = letter.charCodeAt(0)));
  return bytes(head, body);
}

/** A track whose one sample entry is this. */
const track = (entry: Uint8Array) => box('trak', box('tkhd', zeros(84)), box('mdia', box('minf', box('stbl', box('stsd', zeros(8), entry)))));
const film = (...entries: Uint8Array[]) => bytes(box('ftyp', zeros(8)), box('moov', box('mvhd', zeros(100)), ...entries.map(track)));

const avc = box('avc1', zeros(78), box('avcC', 1, 0x64, 0x00, 0x1f, 0xff));
const hevc = (kind: string, tier: number) =>
  box(kind, zeros(78), box('hvcC', 1, tier | 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, zeros(10)));
const aac = box('mp4a', zeros(28), box('esds', zeros(4), 3, 0x19, 0, 2, 0, 4, 0x11, 0x40, 0x15, zeros(11), 5, 2, 0x12, 0x10));

describe('the codecs of a film', () => {
  it('are read from its head', () => {
    expect(codecsOf(film(avc))).toBe('avc1.64001f');
    expect(codecsOf(film(avc, aac))).toBe('avc1.64001f,mp4a.40.2');
    expect(codecsOf(film(hevc('hvc1', 0)))).toBe('hvc1.1.6.L93.90');
    expect(codecsOf(film(hevc('hev1', 0x20)))).toBe('hev1.1.6.H93.90');
    expect(codecsOf(film(box('Opus', zeros(28))))).toBe('opus');
  });

  it('are unknown until it is whole, and nothing that came with it matters', () => {
    const whole = film(avc, aac);
    for (let n = 0; n < whole.length; n++) expect(codecsOf(whole.subarray(0, n))).toBeUndefined();
    expect(codecsOf(bytes(whole, box('moof', zeros(16)), zeros(3)))).toBe('avc1.64001f,mp4a.40.2');
  });

  it('of what is broken are told as far as they are there', () => {
    expect(codecsOf(film(box('avc1', zeros(78))))).toBe('avc1');
    expect(codecsOf(film(box('hvc1', zeros(20))))).toBe('hvc1');
    expect(codecsOf(film(box('mp4a', zeros(28))))).toBe('mp4a.40.2');
    expect(codecsOf(bytes(0, 0, 0, 2, zeros(40)))).toBeUndefined(); // a box smaller than its own head
    const whole = film(hevc('hvc1', 0), aac);
    for (let i = 0; i < whole.length; i++) {
      const bad = whole.slice();
      bad[i]! ^= 0xff;
      expect(() => codecsOf(bad)).not.toThrow();
    }
  });
});

describe('playing', () => {
  afterEach(() => vi.unstubAllGlobals());

  /** What a browser has of Media Source: enough to be fed. */
  function browser(supported: boolean) {
    const appended: number[] = [];
    class Buffer extends EventTarget {
      updating = false;
      mode = '';
      get buffered() {
        return { length: appended.length > 0 ? 1 : 0, end: () => appended.length };
      }
      appendBuffer(chunk: Uint8Array) {
        appended.push(chunk.length);
      }
      remove() {}
    }
    class Source extends EventTarget {
      static isTypeSupported = () => supported;
      readyState = 'open';
      addSourceBuffer = () => new Buffer();
      endOfStream() {
        this.readyState = 'ended';
        setTimeout(() => video.dispatchEvent(new Event('ended'))); // once it has been watched
      }
      constructor() {
        super();
        queueMicrotask(() => this.dispatchEvent(new Event('sourceopen')));
      }
    }
    const video = Object.assign(new EventTarget(), { currentTime: 0, src: '', disableRemotePlayback: false, play: () => Promise.resolve() });
    vi.stubGlobal('MediaSource', Source);
    vi.stubGlobal('URL', Object.assign(class extends URL {}, { createObjectURL: () => 'blob:film', revokeObjectURL: () => undefined }));
    return { video: video as unknown as HTMLVideoElement, appended };
  }
  /** The house answers with these pieces; cancelled tells that the rest was not wanted. */
  function house(pieces: Uint8Array[], status = 200) {
    const told = { cancelled: false };
    const body = new ReadableStream<Uint8Array>({
      pull: (to) => {
        const next = pieces.shift();
        if (next) to.enqueue(next);
        else to.close();
      },
      cancel: () => void (told.cancelled = true),
    });
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, { status })));
    return told;
  }
  const signal = new AbortController().signal;

  it('feeds what comes, and ends with it', async () => {
    const { video, appended } = browser(true);
    const whole = film(avc);
    house([whole.subarray(0, 50), whole.subarray(50), zeros(7), zeros(9)]);
    const onstart = vi.fn();
    await play(video, '/play', { signal, onstart });
    expect(appended).toEqual([whole.length, 7, 9]);
    expect(onstart).toHaveBeenCalledOnce();
  });

  it('says what the browser cannot decode, and reads no more of it', async () => {
    const { video } = browser(false);
    const told = house([film(hevc('hvc1', 0)), zeros(9), zeros(9)]);
    const failed = await play(video, '/play', { signal }).catch((e: unknown) => e);
    expect(failed).toBeInstanceOf(Unplayable);
    expect((failed as Unplayable).codec).toBe('hvc1.1.6.L93.90');
    expect(told.cancelled).toBe(true);
  });

  it('says why the house refuses', async () => {
    const { video } = browser(true);
    house([new TextEncoder().encode('{"type":"no-footage","status":404}')], 404);
    await expect(play(video, '/play', { signal })).rejects.toEqual({ type: 'no-footage', status: 404 });
  });

  it('stops when nobody watches', async () => {
    const { video } = browser(true);
    const stop = new AbortController();
    const told = house([film(avc), zeros(9)]);
    const playing = play(video, '/play', { signal: stop.signal });
    stop.abort(new Error('left'));
    await expect(playing).rejects.toThrow('left');
    await vi.waitFor(() => expect(told.cancelled).toBe(true), { timeout: 30_000 });
  });
});
