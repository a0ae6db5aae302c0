// Encrypts one file to an age recipient, in a worker: it reads the clip as a
// stream, hashes the plaintext on the way and writes the age file to the origin
// private file system, so that memory stays flat however long the clip is.

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Encrypter } from 'age-encryption';
import { writeFile } from './files';

export interface SealJob {
  file: Blob;
  recipient: string;
  name: string;
}

export type SealNews =
  | { kind: 'progress'; done: number; total: number }
  | { kind: 'sealed'; sha256: string; size: number }
  | { kind: 'failed'; name: string; message: string };

const post = (news: SealNews) => postMessage(news);

async function seal({ file, recipient, name }: SealJob): Promise<void> {
  const sum = sha256.create();
  let done = 0;
  let told = 0;
  const hashed = file.stream().pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        sum.update(chunk);
        done += chunk.length;
        if (performance.now() - told > 100) {
          told = performance.now();
          post({ kind: 'progress', done, total: file.size });
        }
        controller.enqueue(chunk);
      },
    }),
  );
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const sealed = await encrypter.encrypt(hashed);
  const size = await writeFile(name, sealed);
  if (size !== sealed.size(file.size)) throw new Error('the sealed copy has the wrong size');
  post({ kind: 'sealed', sha256: bytesToHex(sum.digest()), size });
}

onmessage = ({ data }: MessageEvent<SealJob>) => {
  seal(data).catch((error: unknown) => {
    const e = error instanceof Error ? error : new Error(String(error));
    post({ kind: 'failed', name: e.name, message: e.message });
  });
};
