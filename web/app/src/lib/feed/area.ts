// Areas and places compared on the device; the same figures as package geo in Go.
import type { Point, Polygon } from '$lib/map/shapes';

const rad = Math.PI / 180;

/** Square metres in a square mile. */
export const squareMile = 2_589_988.110336;

/** The area in square metres on the WGS 84 ellipsoid. */
export function areaM2(polygon: Polygon): number {
  const ring = polygon.coordinates[0] ?? [];
  const q0 = authalic((ring[0]?.[1] ?? 0) * rad);
  let sum = 0;
  for (let i = 1; i < ring.length; i++) {
    const [x1, y1] = ring[i - 1]!;
    const [x2, y2] = ring[i]!;
    sum += ((x1 - x2) * rad * (authalic(y1 * rad) - q0 + authalic(y2 * rad) - q0)) / 2;
  }
  return Math.abs((sum * 6378137 ** 2) / 2);
}

/** q of Snyder, Map Projections (USGS PP 1395), equation 3-12. */
function authalic(phi: number): number {
  const e = 0.0818191908426215;
  const s = Math.sin(phi);
  return (1 - e * e) * (s / (1 - e * e * s * s) + Math.atanh(e * s) / e);
}

/** Whether the place is inside the area or on its outline. */
export function contains(polygon: Polygon, { lat, lng }: Point): boolean {
  const ring = polygon.coordinates[0] ?? [];
  let inside = false;
  for (let i = 1; i < ring.length; i++) {
    const [ax, ay] = [ring[i - 1]![0] - lng, ring[i - 1]![1] - lat];
    const [bx, by] = [ring[i]![0] - lng, ring[i]![1] - lat];
    const cross = ax * by - ay * bx;
    if (cross === 0 && Math.min(ax, bx) <= 0 && Math.max(ax, bx) >= 0 && Math.min(ay, by) <= 0 && Math.max(ay, by) >= 0) return true;
    if (ay > 0 !== by > 0 && cross > 0 === by > ay) inside = !inside;
  }
  return inside;
}

/** Metres from the place to the area; 0 inside. Good to a metre or so over a few kilometres. */
export function distanceM(polygon: Polygon, place: Point): number {
  if (contains(polygon, place)) return 0;
  // Metres per degree of the ellipsoid at this latitude.
  const phi = place.lat * rad;
  const my = 111132.954 - 559.822 * Math.cos(2 * phi) + 1.175 * Math.cos(4 * phi);
  const mx = 111412.84 * Math.cos(phi) - 93.5 * Math.cos(3 * phi) + 0.118 * Math.cos(5 * phi);
  const points = (polygon.coordinates[0] ?? []).map(([x, y]) => [(x - place.lng) * mx, (y - place.lat) * my] as const);
  let best = Infinity;
  for (let i = 1; i < points.length; i++) {
    const [ax, ay] = points[i - 1]!;
    const [bx, by] = points[i]!;
    const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
    const f = length2 === 0 ? 0 : Math.max(0, Math.min(1, -(ax * (bx - ax) + ay * (by - ay)) / length2));
    best = Math.min(best, Math.hypot(ax + f * (bx - ax), ay + f * (by - ay)));
  }
  return best;
}
