// Reading, cutting and blurring clips, in a worker. Files are read and written
// in pieces, so that memory stays flat however long they are.

import {
  ALL_FORMATS,
  BlobSource,
  CanvasSink,
  Conversion,
  EncodedPacketSink,
  Input,
  MkvOutputFormat,
  Mp4OutputFormat,
  Output,
  QUALITY_HIGH,
  StreamTarget,
  type InputVideoTrack,
  type StreamTargetChunk,
  type VideoSample,
} from 'mediabunny';
import { createFile, openFile } from '../seal/files';
import { boxAt, type Edits, type Probe, type Track } from './types';

export type Job = { op: 'probe'; file: Blob } | { op: 'prepare'; file: Blob; name: string; edits: Edits };

export type Made = { duration: number; start: number; end: number; reencoded: boolean; hasAudio: boolean; audioLost: boolean };

export type News =
  | { kind: 'progress'; fraction: number }
  | { kind: 'probe'; probe: Probe }
  | { kind: 'prepared'; made: Made }
  | { kind: 'failed'; name: string; message: string };

const post = (news: News) => postMessage(news);

/** This is no clip that can be read here, or it holds no picture. */
class NotAClip extends Error {
  override name = 'NotAClip';
}

async function open(file: Blob): Promise<{ input: Input; video: InputVideoTrack }> {
  const input = new Input({ formats: ALL_FORMATS, source: new BlobSource(file) });
  if (!(await input.canRead())) throw new NotAClip('not a video file');
  const video = await input.getPrimaryVideoTrack();
  if (!video) throw new NotAClip('no picture in this file');
  return { input, video };
}

async function probe(file: Blob): Promise<Probe> {
  const { input, video } = await open(file);
  const audio = await input.getPrimaryAudioTrack();
  const decodable = await video.canDecode();
  const duration = await input.computeDuration();
  const info: Probe = {
    container: (await input.getFormat()).name,
    video: (await video.getCodec()) ?? '',
    audio: (await audio?.getCodec()) ?? '',
    duration,
    size: file.size,
    width: await video.getDisplayWidth(),
    height: await video.getDisplayHeight(),
    decodable,
    keyframes: await keyframes(video),
  };
  if (decodable) info.thumbnail = await thumbnail(video, duration).catch(() => undefined);
  input.dispose();
  return info;
}

async function keyframes(video: InputVideoTrack): Promise<number[]> {
  const sink = new EncodedPacketSink(video);
  const times: number[] = [];
  const options = { metadataOnly: true };
  for (let p = await sink.getFirstKeyPacket(options); p; p = await sink.getNextKeyPacket(p, options)) {
    times.push(Math.max(0, p.timestamp));
    if (times.length >= 20000) break;
  }
  return times;
}

async function thumbnail(video: InputVideoTrack, duration: number): Promise<Blob | undefined> {
  const sink = new CanvasSink(video, { width: 320, poolSize: 0 });
  const shot = await sink.getCanvas((await video.getFirstTimestamp()) + duration / 2);
  const canvas = shot?.canvas;
  return canvas instanceof OffscreenCanvas ? canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 }) : undefined;
}

/** Paints over what must not be seen: each box becomes one flat colour, from which nothing comes back. */
class Painter {
  private readonly canvas: OffscreenCanvas;
  private readonly context: OffscreenCanvasRenderingContext2D;
  private readonly dot = new OffscreenCanvas(1, 1);
  private readonly dotContext: OffscreenCanvasRenderingContext2D;

  constructor(
    private readonly tracks: Track[],
    private readonly width: number,
    private readonly height: number,
    private readonly offset: number,
  ) {
    this.canvas = new OffscreenCanvas(width, height);
    const context = this.canvas.getContext('2d', { alpha: false });
    const dot = this.dot.getContext('2d', { alpha: false });
    if (!context || !dot) throw new Error('this browser cannot draw in a worker');
    this.context = context;
    this.dotContext = dot;
  }

  paint(sample: VideoSample): OffscreenCanvas {
    sample.draw(this.context, 0, 0, this.width, this.height);
    for (const track of this.tracks) {
      const box = boxAt(track, sample.timestamp + this.offset);
      if (!box) continue;
      // Grown to whole 8-pixel blocks, so that no edge survives in the encoder's blocks.
      const left = Math.max(0, Math.floor((box.x * this.width) / 8) * 8);
      const top = Math.max(0, Math.floor((box.y * this.height) / 8) * 8);
      const right = Math.min(this.width, Math.ceil(((box.x + box.w) * this.width) / 8) * 8);
      const bottom = Math.min(this.height, Math.ceil(((box.y + box.h) * this.height) / 8) * 8);
      if (right <= left || bottom <= top) continue;
      this.dotContext.drawImage(this.canvas, left, top, right - left, bottom - top, 0, 0, 1, 1);
      this.context.imageSmoothingEnabled = false;
      this.context.drawImage(this.dot, 0, 0, 1, 1, left, top, right - left, bottom - top);
    }
    return this.canvas;
  }
}

async function prepare(file: Blob, name: string, edits: Edits): Promise<Made> {
  const { input, video } = await open(file);
  const audio = edits.mute ? null : await input.getPrimaryAudioTrack();
  const duration = await input.computeDuration();
  const blur = edits.blur ?? [];
  if (blur.length > 0 && !(await video.canDecode())) throw new NotAClip('this browser cannot decode the picture');

  const mp4 = new Mp4OutputFormat({ fastStart: false });
  const codecs: readonly string[] = mp4.getSupportedCodecs();
  const fits = [await video.getCodec(), await audio?.getCodec()].every((c) => !c || codecs.includes(c));
  const access = await createFile(name);
  let made: Made;
  try {
    const output = new Output({
      format: fits ? mp4 : new MkvOutputFormat(),
      target: new StreamTarget(
        new WritableStream<StreamTargetChunk>({
          write({ data, position }) {
            access.write(data, { at: position });
          },
        }),
      ),
    });
    let start = edits.start ?? 0;
    // A copy can only begin at a key frame: the next one, so that sound and picture begin together.
    if (start > 0 && blur.length === 0) start = (await keyframes(video)).find((t) => t >= start - 1e-6) ?? start;
    const end = Math.min(edits.end ?? duration, duration);
    const whole = start <= 0 && end >= duration;
    let painter: Painter | undefined;
    if (blur.length > 0) {
      // H.264 wants even sides.
      const even = (n: number) => Math.max(2, Math.floor(n / 2) * 2);
      painter = new Painter(blur, even(await video.getDisplayWidth()), even(await video.getDisplayHeight()), start);
    }
    const conversion = await Conversion.init({
      input,
      output,
      tracks: 'primary',
      trim: whole ? {} : { start, end },
      copy: { boundaryPolicy: 'shrink' },
      tags: () => ({}),
      showWarnings: false,
      audio: audio ? {} : { discard: true },
      video: painter
        ? {
            forceTranscode: true,
            codec: 'avc',
            quality: QUALITY_HIGH,
            allowTransformationMetadata: false,
            process: (sample) => painter.paint(sample),
          }
        : {},
    });
    const lost = conversion.discardedTracks.some((d) => d.track.isAudioTrack() && d.reason !== 'discarded_by_user');
    if (!conversion.isValid || !conversion.utilizedTracks.some((t) => t.isVideoTrack())) {
      throw new NotAClip('the picture cannot be written to a new file here');
    }
    let told = 0;
    conversion.onProgress = (fraction) => {
      if (performance.now() - told > 100) {
        told = performance.now();
        post({ kind: 'progress', fraction });
      }
    };
    await conversion.execute();
    access.flush();
    made = {
      start,
      end,
      duration: 0,
      reencoded: painter !== undefined,
      hasAudio: audio !== null && !lost,
      audioLost: audio !== null && lost,
    };
  } finally {
    access.close();
    input.dispose();
  }
  const written = await openFile(name);
  const again = await open(written ?? new Blob());
  made.duration = await again.input.computeDuration();
  again.input.dispose();
  return made;
}

onmessage = async ({ data }: MessageEvent<Job>) => {
  try {
    if (data.op === 'probe') post({ kind: 'probe', probe: await probe(data.file) });
    else post({ kind: 'prepared', made: await prepare(data.file, data.name, data.edits) });
  } catch (error) {
    const e = error instanceof Error ? error : new Error(String(error));
    post({ kind: 'failed', name: e.name, message: e.message });
  }
};
