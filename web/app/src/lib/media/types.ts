// What is known of a clip and what may be done to it before it is sent. Times
// are seconds from the clip's start; boxes are fractions (0 to 1) of the picture
// as it is displayed.

export interface Probe {
  /** "MP4", "QuickTime File Format", "Matroska" ... */
  container: string;
  /** WebCodecs names, e.g. "avc", "hevc", "aac"; "" when there is none. */
  video: string;
  audio: string;
  duration: number;
  size: number;
  width: number;
  height: number;
  /** Whether this browser can decode the picture: needed to blur and for a thumbnail. */
  decodable: boolean;
  /** Times at which the picture can be cut without re-encoding. */
  keyframes: number[];
  /** A small JPEG from the middle, when decodable. */
  thumbnail?: Blob;
}

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** A box that moves: between its keys it is interpolated, before and after them it stands still. */
export interface Track {
  id: string;
  kind: 'manual' | 'face' | 'plate';
  /** 0 to 1: how sure the detector is; 1 for manual. */
  score: number;
  /** It covers its place from here to there. */
  from: number;
  to: number;
  /** At least one, by time. */
  keys: (Box & { t: number })[];
}

export interface Edits {
  start?: number;
  end?: number;
  mute?: boolean;
  blur?: Track[];
  /** The part that was looked through for faces. */
  looked?: { start: number; end: number };
}

export interface Prepared {
  /** The very bytes that will be sent. */
  file: File;
  duration: number;
  /** Where the kept part begins and ends in the original. */
  start: number;
  end: number;
  /** The picture was encoded anew (blur), not copied. */
  reencoded: boolean;
  hasAudio: boolean;
  /** The sound could not be kept in the new file although it was wanted. */
  audioLost: boolean;
}

/** Where a track's box is at time t; undefined while it is not shown. */
export function boxAt(track: Track, t: number): Box | undefined {
  if (t < track.from || t > track.to) return undefined;
  const keys = track.keys;
  const next = keys.findIndex((k) => k.t > t);
  const b = next < 0 ? keys[keys.length - 1] : keys[next];
  const a = next > 0 ? keys[next - 1] : b;
  if (!a || !b) return undefined;
  const f = b.t > a.t ? Math.min(1, Math.max(0, (t - a.t) / (b.t - a.t))) : 0;
  const mix = (p: number, q: number) => p + (q - p) * f;
  return { x: mix(a.x, b.x), y: mix(a.y, b.y), w: mix(a.w, b.w), h: mix(a.h, b.h) };
}
