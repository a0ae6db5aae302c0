// Encrypting a clip to the agency that will hold it.

import { hasRoom, openFile, removeFiles } from './files';
import type { SealNews } from './worker';

export interface Sealed {
  /** The age file, in this device's private file system. */
  file: File;
  /** Lower-case hex SHA-256 of what was sealed. */
  sha256: string;
}

/** This device has no room for the sealed copy. */
export class NoRoom extends Error {
  override name = 'NoRoom';
}

/**
 * Seals file to an age recipient ("age1...") under name in the private file
 * system. Rejects with NoRoom, with the signal's reason when aborted, and with
 * whatever reading the file gave.
 */
export async function seal(
  file: Blob,
  recipient: string,
  name: string,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<Sealed> {
  signal?.throwIfAborted();
  if (!(await hasRoom(file.size))) throw new NoRoom('not enough storage on this device');
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  try {
    const sha256 = await new Promise<string>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      worker.onerror = (event) => reject(new Error(event.message || 'the sealing worker did not start'));
      worker.onmessage = ({ data }: MessageEvent<SealNews>) => {
        if (data.kind === 'progress') onProgress?.(data.done, data.total);
        else if (data.kind === 'sealed') resolve(data.sha256);
        else reject(data.name === 'QuotaExceededError' ? new NoRoom(data.message) : new Error(data.message));
      };
      worker.postMessage({ file, recipient, name });
    });
    const sealed = await openFile(name);
    if (!sealed) throw new Error('the sealed copy is gone');
    return { file: sealed, sha256 };
  } catch (error) {
    worker.terminate();
    await removeFiles(name).catch(() => undefined); // still locked for a moment after terminate: cleared at the next start
    throw error;
  } finally {
    worker.terminate();
  }
}
