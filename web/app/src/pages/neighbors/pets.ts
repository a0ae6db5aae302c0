// Words of lost animals, and photos made small.
export const animals = ['dog', 'cat', 'bird', 'horse', 'other'] as const;
export const colours = ['black', 'white', 'grey', 'brown', 'tan', 'orange', 'golden', 'green', 'blue', 'yellow', 'red', 'spotted', 'striped'] as const;
export const reports = ['person', 'not-lost', 'harassment', 'sale', 'other'] as const;

/** The longest side that is sent, in pixels, and the most bytes the exchange takes. */
const side = 1024;
const most = 220 * 1024;

/** A picture drawn again as a small JPEG: nothing of the file but its pixels is left. Rejects what is no picture. */
export async function small(file: Blob): Promise<Uint8Array> {
  const picture = await createImageBitmap(file, { imageOrientation: 'from-image' });
  try {
    for (let scale = Math.min(1, side / Math.max(picture.width, picture.height)), quality = 0.85; ; scale *= 0.8, quality -= 0.05) {
      const canvas = new OffscreenCanvas(Math.round(picture.width * scale), Math.round(picture.height * scale));
      canvas.getContext('2d')!.drawImage(picture, 0, 0, canvas.width, canvas.height);
      const jpeg = await canvas.convertToBlob({ type: 'image/jpeg', quality });
      if (jpeg.size <= most) return new Uint8Array(await jpeg.arrayBuffer());
    }
  } finally {
    picture.close();
  }
}

/** What a sighting holds once it is opened (pets.Seen in Go). */
export interface Seen {
  at: string;
  lon: number;
  lat: number;
  rounding: string;
  words: string;
  /** base64 JPEG. */
  photo?: string;
}
