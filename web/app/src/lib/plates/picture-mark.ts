// The mark on a picture: who opened it, when, and what for. It is drawn into the
// pixels, so that it goes wherever the picture goes.

export interface Mark {
  /** e.g. "Search 1204". */
  reason: string;
  /** The act image.view, e.g. "Entry 1210". */
  entry: string;
  officer: string;
  agency: string;
  at: Date;
}

/** The mark in words. */
export function markLines({ reason, entry, officer, agency, at }: Mark): string[] {
  return [`${reason} · ${entry} · ${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`, `${officer} · ${agency}`];
}

/** Draws the picture with its mark: a band across its foot, and the same words faintly across it. */
export function drawMarked(canvas: HTMLCanvasElement, picture: ImageBitmap, lines: string[]): void {
  const { width, height } = picture;
  // Small pictures are drawn larger, so that the band can be read.
  const scale = Math.max(1, Math.ceil(640 / width));
  const w = width * scale;
  const size = Math.max(14, Math.round(w / 44));
  const room = w - size;
  canvas.width = w;
  const c = canvas.getContext('2d');
  if (!c) throw new Error('this browser draws no canvas');
  const font = (px: number) => `600 ${px}px ui-sans-serif, system-ui, sans-serif`;
  c.font = font(size);
  const wrapped = lines.flatMap((line) => wrap(line, (s) => c.measureText(s).width <= room));
  const band = Math.round(size * (wrapped.length * 1.4 + 0.6));
  canvas.height = height * scale + band; // sizing clears the canvas
  c.imageSmoothingQuality = 'high';
  c.drawImage(picture, 0, 0, w, height * scale);
  c.fillStyle = '#0b1220';
  c.fillRect(0, height * scale, w, band);
  c.fillStyle = '#ffffff';
  c.font = font(size);
  c.textBaseline = 'top';
  wrapped.forEach((line, i) => c.fillText(line, size / 2, height * scale + size * (0.5 + i * 1.4)));

  // A band can be cut off; this cannot.
  c.save();
  c.beginPath();
  c.rect(0, 0, w, height * scale);
  c.clip();
  c.translate(w / 2, (height * scale) / 2);
  c.rotate(-Math.PI / 9);
  c.textAlign = 'center';
  c.font = font(Math.round(size * 1.15));
  c.fillStyle = 'rgb(255 255 255 / 0.24)';
  c.strokeStyle = 'rgb(0 0 0 / 0.2)';
  for (let y = -w; y < w; y += size * 9) {
    c.strokeText(lines.join(' · '), 0, y);
    c.fillText(lines.join(' · '), 0, y);
  }
  c.restore();
}

/** Draws it marked and small, within the canvas as it is: the mark goes along, if too small to read. */
export function drawSmall(canvas: HTMLCanvasElement, picture: ImageBitmap, lines: string[]): void {
  const whole = document.createElement('canvas');
  drawMarked(whole, picture, lines);
  const c = canvas.getContext('2d');
  if (!c) throw new Error('this browser draws no canvas');
  const scale = Math.min(canvas.width / whole.width, canvas.height / whole.height);
  const [w, h] = [whole.width * scale, whole.height * scale];
  c.imageSmoothingQuality = 'high';
  c.clearRect(0, 0, canvas.width, canvas.height);
  c.drawImage(whole, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
}

/** Breaks a line between words so that each part fits. */
export function wrap(line: string, fits: (s: string) => boolean): string[] {
  const out: string[] = [];
  for (const word of line.split(' ')) {
    const longer = out.length > 0 ? `${out.at(-1)} ${word}` : word;
    if (out.length > 0 && fits(longer)) out[out.length - 1] = longer;
    else out.push(word);
  }
  return out;
}

/** The canvas as a JPEG. */
export function markedFile(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => canvas.toBlob((b) => (b ? resolve(b) : reject(new Error('the picture could not be saved'))), 'image/jpeg', 0.92));
}
