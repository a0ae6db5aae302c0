// Areas and places as people type them. GeoJSON (RFC 7946) order inside:
// longitude, latitude; people write latitude first.

export type Position = [number, number];
export interface Polygon {
  type: 'Polygon';
  /** One ring, closed: the last position repeats the first. */
  coordinates: Position[][];
}
export interface Point {
  lat: number;
  lng: number;
}

/** What is wrong with a typed area: a message key (map.coordinates-bad and so on) and its line. */
export class ShapeError extends Error {
  constructor(
    readonly key: 'map.coordinates-bad' | 'map.coordinates-few' | 'map.geojson-bad',
    readonly line = 0,
  ) {
    super(key);
  }
}

/** Seven digits would be a centimetre; six are enough and keep acts short. */
const round = (degrees: number) => Math.round(degrees * 1e6) / 1e6;

const valid = (p: unknown): p is Position =>
  Array.isArray(p) &&
  p.length >= 2 &&
  Number.isFinite(p[0]) &&
  Number.isFinite(p[1]) &&
  Math.abs(p[0]) <= 180 &&
  Math.abs(p[1]) <= 90;

/** "41.8790, -87.6360" as a place, or null. */
export function parsePoint(text: string): Point | null {
  const m = text.trim().match(/^\(?(-?\d+(?:\.\d+)?)°?[\s,;]+(-?\d+(?:\.\d+)?)°?\)?$/);
  if (!m) return null;
  const position = [Number(m[2]), Number(m[1])];
  return valid(position) ? { lat: round(position[1]), lng: round(position[0]) } : null;
}

/** Corner lines or pasted GeoJSON (a Polygon, or a Feature holding one) as a closed polygon; throws ShapeError. */
export function parseArea(text: string): Polygon {
  return text.trim().startsWith('{') ? fromGeoJSON(text) : fromLines(text);
}

function fromLines(text: string): Polygon {
  const ring: Position[] = [];
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    const p = parsePoint(line);
    if (!p) throw new ShapeError('map.coordinates-bad', i + 1);
    ring.push([p.lng, p.lat]);
  });
  return closed(ring);
}

function fromGeoJSON(text: string): Polygon {
  let found: any;
  try {
    found = JSON.parse(text);
  } catch {
    throw new ShapeError('map.geojson-bad');
  }
  if (found?.type === 'FeatureCollection' && found.features?.length === 1) found = found.features[0];
  if (found?.type === 'Feature') found = found.geometry;
  const rings = found?.coordinates;
  if (found?.type !== 'Polygon' || !Array.isArray(rings) || rings.length !== 1 || !Array.isArray(rings[0]) || !rings[0].every(valid))
    throw new ShapeError('map.geojson-bad');
  return closed(rings[0]);
}

/** A polygon of the ring, rounded, closed, without the same corner twice in a row. */
export function closed(ring: readonly Position[]): Polygon {
  const corners: Position[] = [];
  for (const [lng, lat] of ring) {
    const p: Position = [round(lng), round(lat)];
    if (!same(corners.at(-1), p)) corners.push(p);
  }
  if (corners.length > 1 && same(corners[0], corners.at(-1))) corners.pop();
  if (corners.length < 3) throw new ShapeError('map.coordinates-few');
  return { type: 'Polygon', coordinates: [[...corners, corners[0]!]] };
}

const same = (a: Position | undefined, b: Position | undefined) => a?.[0] === b?.[0] && a?.[1] === b?.[1];

/** The corners as people read them, one a line, without the closing one. */
export const cornerLines = (polygon: Polygon): string =>
  (polygon.coordinates[0] ?? [])
    .slice(0, -1)
    .map(([lng, lat]) => `${lat}, ${lng}`)
    .join('\n');

/** West, south, east, north of some polygons; undefined for none. */
export function boundsOf(polygons: readonly Polygon[]): [number, number, number, number] | undefined {
  const all = polygons.flatMap((p) => p.coordinates[0] ?? []);
  if (all.length === 0) return undefined;
  const lng = all.map((p) => p[0]);
  const lat = all.map((p) => p[1]);
  return [Math.min(...lng), Math.min(...lat), Math.max(...lng), Math.max(...lat)];
}

/** Area in square miles on the mean sphere; the server's figure decides. */
export function squareMiles(polygon: Polygon): number {
  const radius = 6_371_008.8; // metres
  const rad = Math.PI / 180;
  const ring = polygon.coordinates[0] ?? [];
  let sum = 0;
  for (let i = 0; i + 1 < ring.length; i++) {
    const [x1, y1] = ring[i]!;
    const [x2, y2] = ring[i + 1]!;
    sum += (x2 - x1) * rad * (2 + Math.sin(y1 * rad) + Math.sin(y2 * rad));
  }
  return Math.abs((sum * radius * radius) / 2) / 2_589_988.110336;
}
