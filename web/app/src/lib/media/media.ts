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

export interface Watch {
  signal?: AbortSignal | undefined;
  onProgress?: ((fraction: number) => void) | undefined;
}

/** Hands a worker its one job and waits for the answer; the worker ends with it. */
export function ask<Answer>(worker: Worker, job: unknown, { signal, onProgress }: Watch): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    worker.onerror = (event) => reject(new Error(event.message || 'the media worker did not start'));
    worker.onmessage = ({ data }: MessageEvent<News>) => {
      if (data.kind === 'progress') onProgress?.(data.fraction);
      else if (data.kind !== 'failed') resolve(data as Answer);
      else if (data.name === 'QuotaExceededError') reject(new NoRoom(data.message));
      else reject(data.name === 'NotAClip' ? new NotAClip(data.message) : new Error(data.message));
    };
    worker.postMessage(job);
  }).finally(() => worker.terminate());
}

const run = <Answer>(job: Job, watch: Watch) =>
  ask<Answer>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }), job, watch);

/** What a file holds. Rejects with NotAClip when it is no video. */
export async function probe(file: Blob, watch: Watch = {}): Promise<Probe> {
  return (await run<{ probe: Probe }>({ op: 'probe', file }, watch)).probe;
}

/**
 * Writes the clip as it will be sent to name in the private file system: cut
 * without re-encoding, nothing from outside the cut and no tags of the camera in
 * it, without sound when muted; with blurred areas it is encoded anew. Rejects
 * with NotAClip, NoRoom, or the signal's reason.
 */
export async function prepare(file: Blob, name: string, edits: Edits, watch: Watch = {}): Promise<Prepared> {
  if (!(await hasRoom(file.size))) throw new NoRoom('not enough storage on this device');
  const { made } = await run<{ made: Made }>({ op: 'prepare', file, name, edits }, watch);
  const out = await openFile(name);
  if (!out) throw new Error('the prepared clip is gone');
  // A container's own kind, so that the preview plays it.
  return { ...made, file: new File([out], name, { type: 'video/mp4' }) };
}
