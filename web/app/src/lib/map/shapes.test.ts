import { describe, expect, test } from 'vitest';
import { boundsOf, cornerLines, parseArea, parsePoint, squareMiles } from './shapes';

const mile = 'POLYGON';
const lines = `41.000000, -87.000000
41.000000, -86.990000

41.010000, -86.990000
41.010000, -87.000000`;

describe('typed places', () => {
  test.each([
    ['41.879, -87.636', { lat: 41.879, lng: -87.636 }],
    ['(41.879 -87.636)', { lat: 41.879, lng: -87.636 }],
    ['91, 0', null],
    ['41.879', null],
    ['41,879, -87,636', null],
    [mile, null],
  ])('%s', (text, want) => expect(parsePoint(text)).toEqual(want));
});

describe('typed areas', () => {
  test('corners, one a line', () => {
    const area = parseArea(lines);
    expect(area.coordinates[0]).toHaveLength(5);
    expect(area.coordinates[0]?.[0]).toEqual([-87, 41]);
    expect(area.coordinates[0]?.at(-1)).toEqual([-87, 41]);
    expect(parseArea(cornerLines(area))).toEqual(area);
    expect(boundsOf([area])).toEqual([-87, 41, -86.99, 41.01]);
    expect(squareMiles(area)).toBeCloseTo(0.3606, 3);
  });

  test('pasted GeoJSON, bare or in a feature', () => {
    const area = parseArea(lines);
    expect(parseArea(JSON.stringify(area))).toEqual(area);
    expect(parseArea(JSON.stringify({ type: 'Feature', geometry: area }))).toEqual(area);
  });

  test.each([
    ['41, -87\nhere\n41, -86', 'map.coordinates-bad', 2],
    ['41, -87\n41, -86', 'map.coordinates-few', 0],
    ['41, -87\n41, -87\n41, -86\n41, -87', 'map.coordinates-few', 0],
    ['{"type":"Point","coordinates":[1,2]}', 'map.geojson-bad', 0],
    ['{"type":"Polygon","coordinates":[[[1,2],[200,3],[4,5]]]}', 'map.geojson-bad', 0],
    ['{', 'map.geojson-bad', 0],
  ])('%j is refused', (text, key, line) => {
    expect(() => parseArea(text)).toThrow(expect.objectContaining({ key, line }));
  });

  test('nothing has no bounds', () => expect(boundsOf([])).toBeUndefined());
});
