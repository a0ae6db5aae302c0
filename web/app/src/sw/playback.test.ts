import { describe, expect, it } from 'vitest';
import { respond } from './playback';

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 255);
const clip = {
  size: bytes.length,
  stream: (start = 0, end = bytes.length) => new Response(bytes.slice(start, end)).body!,
};

describe('respond', () => {
  const ask = async (range: string | null) => {
    const r = respond(clip, 'video/mp4', range);
    return { status: r.status, range: r.headers.get('Content-Range'), length: r.headers.get('Content-Length'), body: new Uint8Array(await r.arrayBuffer()) };
  };
  it.each([
    [null, 200, null, 0, 1000],
    ['bytes=0-', 206, 'bytes 0-999/1000', 0, 1000],
    ['bytes=10-19', 206, 'bytes 10-19/1000', 10, 20],
    ['bytes=990-5000', 206, 'bytes 990-999/1000', 990, 1000],
    ['bytes=-5', 206, 'bytes 995-999/1000', 995, 1000],
    ['bytes=-5000', 206, 'bytes 0-999/1000', 0, 1000],
    ['bytes=1-2,5-6', 200, null, 0, 1000],
    ['lines=1-2', 200, null, 0, 1000],
    ['bytes=-', 200, null, 0, 1000],
  ])('%s', async (range, status, content, from, to) => {
    const got = await ask(range);
    expect([got.status, got.range, got.length]).toEqual([status, content, String(to - from)]);
    expect(got.body).toEqual(bytes.slice(from, to));
  });
  it.each(['bytes=1000-', 'bytes=5-4', 'bytes=-0'])('%s is not satisfiable', async (range) => {
    const got = await ask(range);
    expect([got.status, got.range]).toEqual([416, 'bytes */1000']);
  });
});
