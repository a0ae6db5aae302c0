// Opens pictures of plate reads away from the page: the vault's identities and
// the pictures' file keys live here only while a job runs.

import { openHeader, sealHeader } from '../vault/age';
import { Clip, httpRange } from '../vault/clip';

export type PictureJob =
  /** Decrypts the payload at url. */
  | { kind: 'open'; identities: string[]; header: Uint8Array; url: string; size: number }
  /** Seals the file key to another vault. */
  | { kind: 'hand'; identities: string[]; header: Uint8Array; recipient: string };

export type PictureDone = { kind: 'done'; bytes: Uint8Array<ArrayBuffer> } | { kind: 'failed'; message: string };

async function work(job: PictureJob): Promise<Uint8Array<ArrayBuffer>> {
  const key = await fileKey(job.header, job.identities);
  try {
    if (job.kind === 'hand') return new Uint8Array(sealHeader(key, [job.recipient]));
    const stream = new Clip(key, job.size, httpRange(job.url)).stream();
    return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
  } finally {
    key.fill(0);
  }
}

/** Of the first identity that opens the header: vaults may have been replaced since. */
async function fileKey(header: Uint8Array, identities: string[]): Promise<Uint8Array> {
  for (const identity of identities) {
    try {
      return await openHeader(header, identity);
    } catch {
      continue;
    }
  }
  throw new Error('no identity of this device opens the picture');
}

onmessage = async ({ data }: MessageEvent<PictureJob>) => {
  try {
    const bytes = await work(data);
    postMessage({ kind: 'done', bytes } satisfies PictureDone, { transfer: [bytes.buffer] });
  } catch (e) {
    postMessage({ kind: 'failed', message: e instanceof Error ? e.message : String(e) } satisfies PictureDone);
  }
};
