import { readFileSync } from 'node:fs';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64urlnopad } from '@scure/base';
import { expect, test } from 'vitest';
import { capability, newSecret } from './capability';

const vectors = JSON.parse(readFileSync(new URL('../../../../../testdata/keys/vectors.json', import.meta.url), 'utf8')) as {
  capability: { secret: string; token: string; identity: string; recipient: string }[];
};

test('capabilities are those of Go', async () => {
  expect(vectors.capability.length).toBeGreaterThan(0);
  for (const v of vectors.capability) {
    expect(await capability(v.secret)).toEqual({ ...v, tokenHash: base64urlnopad.encode(sha256(base64urlnopad.decode(v.token))) });
  }
});

test('what is no link is refused', async () => {
  for (const bad of ['', 'short', '####', newSecret() + 'A']) await expect(capability(bad)).rejects.toThrow('not a follow-up link');
  expect(newSecret()).not.toBe(newSecret());
});
