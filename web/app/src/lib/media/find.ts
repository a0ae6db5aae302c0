// Boxes over the faces in a clip, found on the device. Nothing of the finder is
// loaded before it is asked.

import type { FindJob, Found } from './find-worker';
import { ask, type Watch } from './media';

export type { Found };

/**
 * Looks for faces between start and end (seconds) of a clip; the boxes are
 * proposals for a person to check: it misses faces. Rejects with NotAClip when
 * this browser cannot decode the picture, or the signal's reason.
 */
export async function findFaces(file: Blob, start: number, end: number, watch: Watch = {}): Promise<Found> {
  const job: FindJob = { file, start, end };
  const worker = new Worker(new URL('./find-worker.ts', import.meta.url), { type: 'module' });
  return (await ask<{ found: Found }>(worker, job, watch)).found;
}
