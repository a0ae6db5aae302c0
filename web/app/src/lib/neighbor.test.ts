import { expect, test } from 'vitest';
import { base64 } from '@scure/base';
import { bearer, nextLink, opened, rounded } from './neighbor';
import { capability, newSecret } from './seal/capability';
import { sealText } from './seal/letter';

test('a link that was replaced twice opens what was sealed to each', async () => {
  const first = await bearer(await capability(newSecret()));
  const letters = [await sealText('one', first.recipient)];
  let her = first;
  for (const text of ['two', 'three']) {
    const { secret, link } = await nextLink(her);
    her = await bearer(await capability(secret), link.past);
    expect(link.recipient).toBe(her.recipient);
    letters.push(await sealText(text, her.recipient));
  }
  expect(await Promise.all(letters.map((l) => opened(her, base64.encode(l))))).toEqual(['one', 'two', 'three']);
  expect(await Promise.all(letters.map((l) => opened(first, base64.encode(l))))).toEqual(['one', undefined, undefined]);
});

// As geo/rounding_test.go has them.
test('places are told on a grid', () => {
  const home = { lat: 39.7510789, lng: -89.6470123 };
  expect(rounded(home, 'exact')).toEqual({ lon: -89.6470123, lat: 39.7510789 });
  expect(rounded(home, '100m')).toEqual({ lon: -89.647, lat: 39.751 });
  expect(rounded(home, '500m')).toEqual({ lon: -89.645, lat: 39.75 });
  const once = rounded(home, '500m');
  expect(rounded({ lat: once.lat, lng: once.lon }, '500m')).toEqual(once);
});
