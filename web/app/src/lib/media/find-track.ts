// From faces in sampled pictures to boxes that move with them.

import { overlap, type Face } from './find-model';
import { boxAt, type Box, type Track } from './types';

/** What was found in the picture shown at t seconds. */
export interface Sighting {
  t: number;
  faces: Face[];
}

/** A face followed over time. */
interface Path {
  seen: (Face & { t: number })[];
}

/** A face unseen for this long, in seconds, is another face when it is seen again. */
const gap = 1.2;
/** A box stays this long before the first and after the last sight of its face. */
const hold = 0.6;
/** It is this much larger than the face on each side, as parts of the face. */
const pad = 0.3;

/** A face needs one sight this sure, or this sure when it is seen only once. */
const sure = 0.4;
const sureOnce = 0.5;

/** Where a face last seen in seen is expected at t: it goes on as it went, for a while. */
function expected(seen: Path['seen'], t: number): Box {
  const last = seen.at(-1)!;
  const before = seen.at(-3) ?? seen.at(-2);
  if (!before) return last;
  const f = Math.min(hold / Math.abs(last.t - before.t), (t - last.t) / (last.t - before.t));
  return { ...last, x: last.x + (last.x - before.x) * f, y: last.y + (last.y - before.y) * f };
}

/** How well a face fits a path: 0 for not at all. */
function fit(path: Path, face: Face, t: number): number {
  const last = path.seen.at(-1)!;
  if (t - last.t > gap) return 0;
  const size = (face.w * face.h) / (last.w * last.h);
  if (size < 0.3 || size > 3.3) return 0;
  const near = (b: Box) => {
    const dx = (face.x + face.w / 2 - b.x - b.w / 2) / Math.max(face.w, b.w);
    const dy = (face.y + face.h / 2 - b.y - b.h / 2) / Math.max(face.h, b.h);
    return Math.max(0, 1 - Math.hypot(dx, dy) / 2); // 0 at two faces' distance
  };
  return Math.max(near(last), near(expected(path.seen, t)));
}

function follow(sightings: Sighting[]): Path[] {
  const paths: Path[] = [];
  for (const { t, faces } of sightings) {
    const pairs = paths
      .flatMap((path) => faces.map((face) => ({ path, face, fit: fit(path, face, t) })))
      .filter((pair) => pair.fit > 0)
      .sort((a, b) => b.fit - a.fit);
    const taken = new Set<object>();
    for (const { path, face } of pairs) {
      if (taken.has(path) || taken.has(face)) continue;
      taken.add(path).add(face);
      path.seen.push({ t, ...face });
    }
    for (const face of faces) if (!taken.has(face)) paths.push({ seen: [{ t, ...face }] });
  }
  return paths;
}

const grow = (b: Box): Box => ({ x: b.x - b.w * pad, y: b.y - b.h * pad, w: b.w * (1 + 2 * pad), h: b.h * (1 + 2 * pad) });

function union(a: Box, b: Box): Box {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, w: Math.max(a.x + a.w, b.x + b.w) - x, h: Math.max(a.y + a.h, b.y + b.h) - y };
}

/** Leaves out keys that lie where the others put the box anyway, within a tenth of it. */
function thin(keys: Track['keys']): Track['keys'] {
  const first = keys[0];
  const last = keys.at(-1);
  if (!first || !last || keys.length < 3) return keys;
  let worst = 0;
  let at = 0;
  keys.forEach((key, i) => {
    const line = boxAt({ id: '', kind: 'face', score: 1, from: first.t, to: last.t, keys: [first, last] }, key.t);
    if (!line) return;
    const off = Math.max(Math.abs(line.x - key.x) / key.w, Math.abs(line.y - key.y) / key.h, Math.abs(line.w - key.w) / key.w, Math.abs(line.h - key.h) / key.h);
    if (off > worst) [worst, at] = [off, i];
  });
  if (worst < 0.1) return [first, last];
  return [...thin(keys.slice(0, at + 1)), ...thin(keys.slice(at)).slice(1)];
}

/**
 * The boxes over a clip of which [start, end] was looked through. Gaps are
 * bridged, edges held, boxes padded. Its best sight decides whether it is taken
 * for a face, and is its score; doubtful sights only lengthen its time.
 */
export function link(sightings: Sighting[], start: number, end: number): Track[] {
  const tracks: Track[] = [];
  for (const path of follow(sightings)) {
    const score = Math.max(...path.seen.map((face) => face.score));
    const first = path.seen[0]!;
    const last = path.seen.at(-1)!;
    if (score < (path.seen.length < 2 ? sureOnce : sure)) continue;
    const from = Math.max(start, first.t - hold);
    const to = Math.min(end, last.t + hold);
    const keys = path.seen.map((face) => ({ t: face.t, ...grow(face) }));
    // Before and after, over the place where it was seen and the place it comes from or goes to.
    const ahead = union(grow(last), grow(expected(path.seen, to)));
    const behind = union(grow(first), grow(expected(path.seen.slice(0, 3).reverse(), from)));
    const all = [...(from < first.t ? [{ t: from, ...behind }] : []), ...thin(keys), ...(to > last.t ? [{ t: to, ...ahead }] : [])];
    tracks.push({ id: crypto.randomUUID(), kind: 'face', score, from, to, keys: all });
  }
  return tracks;
}

/** Tracks that lie in another all the time they last say nothing new. */
export function distinct(tracks: Track[]): Track[] {
  return tracks.filter((track) => !tracks.some((other) => other !== track && covers(other, track)));
}

function covers(other: Track, track: Track): boolean {
  if (other.from > track.from || other.to < track.to) return false;
  return track.keys.every((key) => {
    const box = boxAt(other, key.t);
    return box !== undefined && box.w * box.h >= key.w * key.h && overlap(box, key) > 0.95;
  });
}
