// The coarse map cell a place is in: an S2 cell of level 10, about 9 km across,
// as its token (https://s2geometry.io/devguide/s2cell_hierarchy). It is all of a
// place that ever leaves the device.
import type { Point } from '$lib/map/shapes';

const level = 10;
/** How the four quarters of a cell are visited, by orientation and by (i, j). */
const order = [
  [0, 1, 3, 2],
  [0, 3, 1, 2],
  [2, 3, 1, 0],
  [2, 1, 3, 0],
];
/** How a quarter is turned against its cell. */
const turn = [1, 0, 0, 3];

/** The token, six hexadecimal digits. */
export function cellOf({ lat, lng }: Point): string {
  const rad = Math.PI / 180;
  const x = Math.cos(lat * rad) * Math.cos(lng * rad);
  const y = Math.cos(lat * rad) * Math.sin(lng * rad);
  const z = Math.sin(lat * rad);
  const [face, u, v] = faceUV(x, y, z);
  const i = index(u);
  const j = index(v);
  let orientation = face & 1;
  let id = face;
  for (let bit = level - 1; bit >= 0; bit--) {
    const quarter = order[orientation]![(((i >> bit) & 1) << 1) | ((j >> bit) & 1)]!;
    id = (id << 2) | quarter;
    orientation ^= turn[quarter]!;
  }
  return ((id << 1) | 1).toString(16).padStart(6, '0');
}

/** The face of the cube a direction meets, and where. */
function faceUV(x: number, y: number, z: number): [number, number, number] {
  const [ax, ay, az] = [Math.abs(x), Math.abs(y), Math.abs(z)];
  if (ax > ay && ax > az) return x > 0 ? [0, y / x, z / x] : [3, z / x, y / x];
  if (ay > az) return y > 0 ? [1, -x / y, z / y] : [4, z / y, -x / y];
  return z > 0 ? [2, -x / z, -y / z] : [5, -y / z, -x / z];
}

/** Which of the 2^10 rows a coordinate from -1 to 1 falls into (S2's quadratic projection). */
function index(u: number): number {
  const s = u >= 0 ? 0.5 * Math.sqrt(1 + 3 * u) : 1 - 0.5 * Math.sqrt(1 - 3 * u);
  return Math.max(0, Math.min(2 ** level - 1, Math.floor(s * 2 ** level)));
}
