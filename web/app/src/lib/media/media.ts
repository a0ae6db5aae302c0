// Clips as a resident works on them: what a file is, and the file that will be
// sent. The work is done in worker.ts; results live in the private file system.

import { hasRoom, openFile } from '../seal/files';
import { NoRoom } from '../seal/seal';
import type { Edits, Prepared, Probe } from './types';
import type { Job, Made, News } from './worker';

export * from './types';

/** The file is no clip that can be used here; the message says why. */
export class NotAClip extends Error {
  override name = 'NotAClip';
}

interface Watch {
  signal?: AbortSignal | undefined;
  onProgress?: ((fraction: number) => void) | undefined;
}

function run(job: Job, { signal, onProgress }: Watch): Promise<News> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  return new Promise<News>((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    worker.onerror = (event) => reject(new Error(event.message || 'the media worker did not start'));
    worker.onmessage = ({ data }: MessageEvent<News>) => {
      if (data.kind === 'progress') onProgress?.(data.fraction);
      else if (data.kind !== 'failed') resolve(data);
      else if (data.name === 'QuotaExceededError') reject(new NoRoom(data.message));
      else reject(data.name === 'NotAClip' ? new NotAClip(data.message) : new Error(data.message));
    };
    worker.postMessage(job);
  }).finally(() => worker.terminate());
}

/** What a file holds. Rejects with NotAClip when it is no video. */
export async function probe(file: Blob, watch: Watch = {}): Promise<Probe> {
  return (await run({ op: 'probe', file }, watch) as { probe: Probe }).probe;
}

/**
 * Writes the clip as it will be sent to name in the private file system: cut
 * without re-encoding, nothing from outside the cut and no tags of the camera in
 * it, without sound when muted; with blurred areas it is encoded anew. Rejects
 * with NotAClip, NoRoom, or the signal's reason.
 */
export async function prepare(file: Blob, name: string, edits: Edits, watch: Watch = {}): Promise<Prepared> {
  if (!(await hasRoom(file.size))) throw new NoRoom('not enough storage on this device');
  const { made } = (await run({ op: 'prepare', file, name, edits }, watch)) as { made: Made };
  const out = await openFile(name);
  if (!out) throw new Error('the prepared clip is gone');
  // A container's own kind, so that the preview plays it.
  return { ...made, file: new File([out], name, { type: 'video/mp4' }) };
}
