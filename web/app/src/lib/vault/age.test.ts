import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { CHUNK, chunkCount, chunkRange, openChunk, openChunks, openHeader, payloadKey, plaintextSize, sealHeader } from './age';
import { Clip, hashOf } from './clip';

// Made by filippo.io/age: see evidence/vectors_test.go.
const dir = new URL('../../../../../evidence/testdata/age/', import.meta.url);
const vector = (name: string) => new Uint8Array(readFileSync(new URL(name, dir)));
const text = (name: string) => new TextDecoder().decode(vector(name)).trim();

const file = vector('clip.age');
const headerLength = indexOf(file, '\n--- ') + 1 + 4 + 43 + 1;
const header = file.slice(0, headerLength);
const payload = file.slice(headerLength);
const plain = Uint8Array.from({ length: 3 * CHUNK + 1000 }, (_, i) => (i * 7 + (i >> 8)) & 255);

function indexOf(bytes: Uint8Array, needle: string): number {
  return new TextDecoder('latin1').decode(bytes.subarray(0, 2000)).indexOf(needle);
}

/** Long arrays, compared fast. */
function same(got: Uint8Array, want: Uint8Array): void {
  expect(got.length).toBe(want.length);
  expect(Buffer.compare(got, want)).toBe(0);
}

async function all(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}

describe('age headers', () => {
  it('opens what Go sealed, and nothing else', async () => {
    const key = await openHeader(header, text('identity.txt'));
    expect(key).toHaveLength(16);
    await expect(openHeader(header, text('partner.txt'))).rejects.toThrow(/no identity matched/);
    const forged = header.slice();
    forged[forged.length - 10]! ^= 1;
    await expect(openHeader(forged, text('identity.txt'))).rejects.toThrow();
  });

  it('seals the same file key to a partner, whose copy Go opens too', async () => {
    const key = await openHeader(header, text('identity.txt'));
    const partner = await identityToRecipient(text('partner.txt'));
    const made = sealHeader(key, [partner]);
    expect(await openHeader(made, text('partner.txt'))).toEqual(key);
    // The copy that Go's test opens is made once and kept.
    const kept = new URL('partner-header.txt', dir);
    if (!existsSync(kept)) writeFileSync(kept, made);
    expect(await openHeader(vector('partner-header.txt'), text('partner.txt'))).toEqual(key);

    const whole = new Uint8Array([...made, ...payload]);
    const decrypter = new Decrypter();
    decrypter.addIdentity(text('partner.txt'));
    same(await decrypter.decrypt(whole), plain);
  });

  it('refuses wrong recipients and keys', async () => {
    const key = new Uint8Array(16);
    expect(() => sealHeader(key, [])).toThrow();
    expect(() => sealHeader(key, ['age1nonsense'])).toThrow();
    expect(() => sealHeader(new Uint8Array(32), ['age1nonsense'])).toThrow(/16 bytes/);
  });
});

describe('payloads', () => {
  it('knows sizes as age does', async () => {
    const recipient = await identityToRecipient(await generateX25519Identity());
    for (const n of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]) {
      const encrypter = new Encrypter();
      encrypter.addRecipient(recipient);
      const sealed = await encrypter.encrypt(new Uint8Array(n));
      const size = sealed.length - (indexOf(sealed, '\n--- ') + 1 + 4 + 43 + 1);
      expect(plaintextSize(size)).toBe(n);
      expect(chunkCount(size)).toBe(Math.max(1, Math.ceil(n / CHUNK)));
    }
    for (const bad of [0, 16, 31, 16 + CHUNK + 16 + 16, 16 + CHUNK + 16 + 5]) expect(() => plaintextSize(bad)).toThrow();
  });

  it('opens single chunks and refuses any change of bytes, order or end', async () => {
    const key = payloadKey(await openHeader(header, text('identity.txt')), payload.subarray(0, 16));
    const part = (first: number, last = first) => {
      const { start, end } = chunkRange(payload.length, first, last);
      return payload.slice(start, end);
    };
    same(openChunk(key, 2, false, part(2)), plain.subarray(2 * CHUNK, 3 * CHUNK));
    same(openChunks(key, 1, 4, part(1, 3)), plain.subarray(CHUNK));
    expect(() => openChunk(key, 1, false, part(2))).toThrow();
    expect(() => openChunk(key, 2, true, part(2))).toThrow();
    const changed = part(0);
    changed[100]! ^= 1;
    expect(() => openChunk(key, 0, false, changed)).toThrow();
  });

  it('counts chunks beyond 2^32', async () => {
    const key = new Uint8Array(32);
    const { chacha20poly1305 } = await import('@noble/ciphers/chacha.js');
    const nonce = new Uint8Array([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 1]);
    const sealed = chacha20poly1305(key, nonce).encrypt(new Uint8Array([7]));
    expect(openChunk(key, 2 ** 32 + 5, true, sealed)).toEqual(new Uint8Array([7]));
  });
});

describe('clips', () => {
  const reads: [number, number][] = [];
  const clip = async () =>
    new Clip(await openHeader(header, text('identity.txt')), payload.length, async (start, end) => {
      reads.push([start, end]);
      return payload.slice(start, end);
    });

  it('reads any part', async () => {
    const c = await clip();
    expect(c.size).toBe(plain.length);
    for (const [from, to] of [
      [0, plain.length], [0, 1], [CHUNK - 1, CHUNK + 1], [CHUNK, 2 * CHUNK], [3 * CHUNK, plain.length], [plain.length - 1, plain.length], [70_000, 190_000],
    ] as const) {
      same(await all(c.stream(from, to)), plain.subarray(from, to));
    }
    same(await all(c.stream()), plain);
  });

  it('fetches no more than it needs', async () => {
    const c = await clip();
    reads.length = 0;
    await all(c.stream(CHUNK + 5, CHUNK + 6));
    expect(reads).toEqual([[0, 16], [16 + CHUNK + 16, 16 + 2 * (CHUNK + 16)]]);
  });

  it('hashes the whole', async () => {
    const digest = await crypto.subtle.digest('SHA-256', plain);
    expect(await hashOf((await clip()).stream())).toBe(Buffer.from(digest).toString('hex'));
  });

  it('tries the nonce again after a failed read, and refuses short answers', async () => {
    let broken = true;
    const c = new Clip(await openHeader(header, text('identity.txt')), payload.length, async (start, end) => {
      if (broken) throw new Error('offline');
      return payload.slice(start, end);
    });
    await expect(all(c.stream(0, 10))).rejects.toThrow('offline');
    broken = false;
    expect(await all(c.stream(0, 10))).toEqual(plain.subarray(0, 10));
    const short = new Clip(await openHeader(header, text('identity.txt')), payload.length, async (start, end) => payload.slice(start, start === 0 ? end : end - 1));
    await expect(all(short.stream(0, 10))).rejects.toThrow(/too short/);
  });
});
