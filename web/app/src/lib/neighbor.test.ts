import { expect, test } from 'vitest';
import { rounded } from './neighbor';

// As geo/rounding_test.go has them.
test('places are told on a grid', () => {
  const home = { lat: 39.7510789, lng: -89.6470123 };
  expect(rounded(home, 'exact')).toEqual({ lon: -89.6470123, lat: 39.7510789 });
  expect(rounded(home, '100m')).toEqual({ lon: -89.647, lat: 39.751 });
  expect(rounded(home, '500m')).toEqual({ lon: -89.645, lat: 39.75 });
  const once = rounded(home, '500m');
  expect(rounded({ lat: once.lat, lng: once.lon }, '500m')).toEqual(once);
});
