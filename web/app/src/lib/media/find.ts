// Boxes over the faces in a clip, found on the device. Nothing of the finder is
// loaded before it is asked.

import type { FindJob } from './find-worker';
import { ask, type Watch } from './media';
import type { Track } from './types';

/**
 * Looks for faces between start and end (seconds) of a clip; the boxes are
 * proposals for a person to check: it misses faces. Rejects with NotAClip when
 * this browser cannot decode the picture, or the signal's reason.
 */
export async function findFaces(file: Blob, start: number, end: number, watch: Watch = {}): Promise<Track[]> {
  const job: FindJob = { file, start, end };
  const worker = new Worker(new URL('./find-worker.ts', import.meta.url), { type: 'module' });
  return (await ask<{ tracks: Track[] }>(worker, job, watch)).tracks;
}
