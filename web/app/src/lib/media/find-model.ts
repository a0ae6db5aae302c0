// The face model and what goes in and comes out of it: MediaPipe's full-range
// face detector (a CenterNet-like BlazeFace, 192 x 192 pixels, one face per cell
// of a 48 x 48 grid), run by LiteRT in WebAssembly. It sees a face of about 8 of
// its pixels, so a picture is shown to it in tiles near their own size.

import { loadAndCompile, loadLiteRt, Tensor, type CompiledModel } from '@litertjs/core';
import litert from '@litertjs/core/wasm/litert_wasm_compat_internal.js';
import litertURL from '@litertjs/core/wasm/litert_wasm_compat_internal.wasm?url';
import modelURL from '@mediapipe/face_detection/face_detection_full_range.tflite?url';

/** A face in one picture; fractions of the picture as it is displayed. */
export interface Face {
  x: number;
  y: number;
  w: number;
  h: number;
  /** 0 to 1: how sure the model is. */
  score: number;
}

/** A square of the picture, in its pixels; it may reach over the edges. */
export interface Tile {
  x: number;
  y: number;
  side: number;
}

export const input = 192;
const grid = 48;

/**
 * The whole picture, and squares of at most 640 pixels (less in a small
 * picture) that overlap by a quarter, so that a face is whole in one of them.
 */
export function tiles(width: number, height: number): Tile[] {
  const long = Math.max(width, height);
  const side = Math.min(640, Math.max(320, Math.round(Math.min(width, height) * 0.6)));
  const along = (length: number) => {
    const n = Math.max(1, Math.ceil((length - side) / (side * 0.75)) + 1);
    return Array.from({ length: n }, (_, i) => (n === 1 ? (length - side) / 2 : Math.round((i * (length - side)) / (n - 1))));
  };
  const all = along(height).flatMap((y) => along(width).map((x) => ({ x, y, side })));
  return side < long ? [{ x: (width - long) / 2, y: (height - long) / 2, side: long }, ...all] : all;
}

/**
 * The faces in the model's answer for one tile: boxes holds 16 numbers a cell
 * (centre relative to the cell, size, six points; in model pixels), scores its logit.
 */
export function decode(boxes: Float32Array, scores: Float32Array, least: number, tile: Tile, width: number, height: number): Face[] {
  const found: Face[] = [];
  const logit = Math.log(least / (1 - least));
  for (let i = 0; i < scores.length; i++) {
    const s = scores[i]!;
    if (!(s >= logit)) continue;
    const cx = ((i % grid) + 0.5) / grid + boxes[i * 16]! / input;
    const cy = (Math.floor(i / grid) + 0.5) / grid + boxes[i * 16 + 1]! / input;
    const w = boxes[i * 16 + 2]! / input;
    const h = boxes[i * 16 + 3]! / input;
    if (!(w > 0 && h > 0)) continue;
    found.push({
      x: (tile.x + (cx - w / 2) * tile.side) / width,
      y: (tile.y + (cy - h / 2) * tile.side) / height,
      w: (w * tile.side) / width,
      h: (h * tile.side) / height,
      score: 1 / (1 + Math.exp(-s)),
    });
  }
  return found;
}

/** The part of the smaller box that both share: 1 when one lies in the other. */
export function overlap(a: Omit<Face, 'score'>, b: Omit<Face, 'score'>): number {
  const w = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const h = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  return w > 0 && h > 0 ? (w * h) / Math.min(a.w * a.h, b.w * b.h) : 0;
}

/** One box for each face: those that overlap by half become the surest one, grown over the sure ones. */
export function merge(faces: Face[]): Face[] {
  const kept: Face[] = [];
  for (const face of [...faces].sort((a, b) => b.score - a.score)) {
    const same = kept.find((k) => overlap(k, face) > 0.5);
    if (!same) kept.push({ ...face });
    else if (face.score > 0.5 && face.w * face.h < 2 * same.w * same.h) {
      const right = Math.max(same.x + same.w, face.x + face.w);
      const bottom = Math.max(same.y + same.h, face.y + face.h);
      same.x = Math.min(same.x, face.x);
      same.y = Math.min(same.y, face.y);
      same.w = right - same.x;
      same.h = bottom - same.y;
    }
  }
  return kept;
}

/** Looks for faces in pictures of one size. */
export class Finder {
  private readonly tiles: Tile[];
  private readonly canvas: OffscreenCanvas;
  private readonly context: OffscreenCanvasRenderingContext2D;
  private readonly small: OffscreenCanvasRenderingContext2D;
  private readonly values = new Float32Array(input * input * 3);

  private constructor(
    private readonly model: CompiledModel,
    readonly width: number,
    readonly height: number,
    private readonly least: number,
  ) {
    this.tiles = tiles(width, height);
    this.canvas = new OffscreenCanvas(width, height);
    const context = this.canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    const small = new OffscreenCanvas(input, input).getContext('2d', { alpha: false, willReadFrequently: true });
    if (!context || !small) throw new Error('this browser cannot draw in a worker');
    small.imageSmoothingQuality = 'medium';
    this.context = context;
    this.small = small;
  }

  /** Fetches the runtime and the model (about 4 MB over the line) and makes them ready; least is the lowest score that counts. */
  static async load(width: number, height: number, least: number): Promise<Finder> {
    // A module worker has no importScripts, by which LiteRT would load this script.
    const options = { locateFile: () => litertURL, printErr: console.debug }; // it writes its notes as errors
    Object.assign(self, { importScripts: () => Object.assign(self, { ModuleFactory: () => litert(options) }) });
    await loadLiteRt('litert.js');
    return new Finder(await loadAndCompile(modelURL, { accelerator: 'wasm' }), width, height, least);
  }

  /** The faces in the picture that draw paints at 0, 0, width, height. */
  async look(draw: (context: OffscreenCanvasRenderingContext2D) => void): Promise<Face[]> {
    draw(this.context);
    const found: Face[] = [];
    for (const tile of this.tiles) found.push(...(await this.tile(tile)));
    return merge(found);
  }

  private async tile(tile: Tile): Promise<Face[]> {
    this.small.fillRect(0, 0, input, input);
    this.small.drawImage(this.canvas, tile.x, tile.y, tile.side, tile.side, 0, 0, input, input);
    const { data } = this.small.getImageData(0, 0, input, input);
    for (let from = 0, to = 0; from < data.length; from += 4) {
      this.values[to++] = data[from]! / 127.5 - 1;
      this.values[to++] = data[from + 1]! / 127.5 - 1;
      this.values[to++] = data[from + 2]! / 127.5 - 1;
    }
    const tensor = new Tensor(this.values, [1, input, input, 3]);
    const out = await this.model.run(tensor);
    tensor.delete();
    const [a, b] = await Promise.all(out.map((t) => t.data()));
    out.forEach((t) => t.delete());
    if (!(a instanceof Float32Array && b instanceof Float32Array)) throw new Error('the face model answers in another shape');
    const [boxes, scores] = a.length > b.length ? [a, b] : [b, a];
    return decode(boxes, scores, this.least, tile, this.width, this.height);
  }
}
