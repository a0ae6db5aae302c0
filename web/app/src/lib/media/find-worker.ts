// Looks for faces in a clip, in a worker of its own: the model and its runtime
// are fetched when it starts, from our own assets, and are gone when it ends.
// One picture is held at a time, so memory stays flat however long the clip is.

import { ALL_FORMATS, BlobSource, Input, VideoSampleSink } from 'mediabunny';
import { Finder } from './find-model';
import { distinct, link, type Sighting } from './find-track';
import type { Track } from './types';

/** Look through file from start to end, in seconds. */
export interface FindJob {
  file: Blob;
  start: number;
  end: number;
}

export type FindNews =
  | { kind: 'progress'; fraction: number }
  | { kind: 'found'; tracks: Track[] }
  | { kind: 'failed'; name: string; message: string };

const post = (news: FindNews) => postMessage(news);

/** Pictures a second that are looked at. */
const rate = 5;
/** A large picture is made smaller to this long side, in pixels. */
const longest = 2560;
/** The lowest score that counts: rather a false alarm than a face missed. */
const least = 0.25;

async function find({ file, start, end }: FindJob): Promise<Track[]> {
  const source = new Input({ formats: ALL_FORMATS, source: new BlobSource(file) });
  const video = await source.getPrimaryVideoTrack();
  if (!video || !(await video.canDecode())) {
    throw Object.assign(new Error('this browser cannot decode the picture'), { name: 'NotAClip' });
  }
  const [w, h] = [await video.getDisplayWidth(), await video.getDisplayHeight()];
  const scale = Math.min(1, longest / Math.max(w, h));
  const finder = await Finder.load(Math.round(w * scale), Math.round(h * scale), least);

  const times: number[] = [];
  for (let t = start; t < end; t += 1 / rate) times.push(t);
  const sightings: Sighting[] = [];
  let pictures = 0;
  for await (const sample of new VideoSampleSink(video).samplesAtTimestamps(times)) {
    pictures++;
    if (!sample) continue;
    const t = sample.timestamp;
    const faces = await finder.look((context) => sample.draw(context, 0, 0, finder.width, finder.height)).finally(() => sample.close());
    if (t > (sightings.at(-1)?.t ?? -1)) sightings.push({ t, faces });
    post({ kind: 'progress', fraction: pictures / times.length });
  }
  source.dispose();
  return distinct(link(sightings, start, end));
}

onmessage = async ({ data }: MessageEvent<FindJob>) => {
  try {
    post({ kind: 'found', tracks: await find(data) });
  } catch (error) {
    const e = error instanceof Error ? error : new Error(String(error));
    post({ kind: 'failed', name: e.name, message: e.message });
  }
};
