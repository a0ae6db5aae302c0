// A clip whose ciphertext stays on the server: any part of its plaintext,
// decrypted here.

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { CHUNK, NONCE, chunkCount, chunkRange, openChunks, payloadKey, plaintextSize } from './age';

/** Reads bytes start..end (end exclusive) of the payload. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;

/** Chunks fetched together: 1 MiB of plaintext. */
const TOGETHER = 16;

export class Clip {
  /** Bytes of plaintext. */
  readonly size: number;
  private readonly chunks: number;
  private key: Promise<Uint8Array> | undefined;

  /** fileKey is the opened header's; payloadSize counts the file without its header. */
  constructor(private readonly fileKey: Uint8Array, private readonly payloadSize: number, private readonly read: ReadRange) {
    this.size = plaintextSize(payloadSize);
    this.chunks = chunkCount(payloadSize);
  }

  /** Plaintext from byte start to end (exclusive), piece by piece as the reader asks for it. */
  stream(start = 0, end = this.size): ReadableStream<Uint8Array> {
    let chunk = Math.floor(start / CHUNK);
    const lastWanted = Math.max(chunk, Math.ceil(end / CHUNK) - 1);
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const upto = Math.min(chunk + TOGETHER - 1, lastWanted);
          const plain = await this.open(chunk, upto);
          const from = Math.max(0, start - chunk * CHUNK);
          controller.enqueue(plain.subarray(from, Math.min(plain.length, end - chunk * CHUNK)));
          chunk = upto + 1;
          if (chunk > lastWanted) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  }

  private async open(first: number, last: number): Promise<Uint8Array> {
    this.key ??= this.read(0, NONCE).then(
      (nonce) => payloadKey(this.fileKey, nonce),
      (error) => {
        this.key = undefined; // the next read tries again
        throw error;
      },
    );
    const { start, end } = chunkRange(this.payloadSize, first, last);
    const [key, sealed] = await Promise.all([this.key, this.read(start, end)]);
    if (sealed.length !== end - start) throw new Error('the server sent a part of the clip that is too short');
    return openChunks(key, first, this.chunks, sealed);
  }
}

/** Reads ranges of url with the page's session; the server must answer 206. */
export function httpRange(url: string): ReadRange {
  return async (start, end) => {
    const answer = await fetch(url, { headers: { Range: `bytes=${start}-${end - 1}` }, credentials: 'same-origin' });
    if (answer.status !== 206) throw new Error(`reading the clip: the server answered ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  };
}

/** Passes bytes on and counts and hashes them; digest() is for after the end. */
export class Hashing extends TransformStream<Uint8Array, Uint8Array> {
  readonly digest: () => string;
  readonly count: () => number;
  constructor() {
    const hash = sha256.create();
    let bytes = 0;
    super({
      transform(chunk, controller) {
        hash.update(chunk);
        bytes += chunk.length;
        controller.enqueue(chunk);
      },
    });
    this.digest = () => bytesToHex(hash.digest());
    this.count = () => bytes;
  }
}

/** Lower-case hex SHA-256 of a whole stream, reporting bytes as they pass. */
export async function hashOf(stream: ReadableStream<Uint8Array>, progress?: (bytes: number) => void): Promise<string> {
  const hash = sha256.create();
  let bytes = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytesToHex(hash.digest());
    hash.update(value);
    progress?.((bytes += value.length));
  }
}
