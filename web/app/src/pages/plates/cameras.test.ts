import { expect, test } from 'vitest';
import { isKey, newToken, readsToday, setupLine, stateOf, type Camera } from './cameras';

const now = Date.parse('2026-11-22T12:00:00Z');
const camera = (over: Partial<Camera> = {}): Camera => ({
  id: '01kq', name: 'Main St', alias: '', lon: -89.65, lat: 39.75, heading: -1, mobile: false, speaks: 'signed', skew_ms: 0, last_sent: '2026-11-22T11:59:00Z',
  today: { fresh: 2, late: 1, duplicate: 4, too_old: 0, future: 0, malformed: 0, pictures: 0, unkept: 0, replayed: 0, unsigned: 0 },
  ...over,
});

test('a camera does as badly as its worst', () => {
  expect(stateOf(camera(), now)).toBe('well');
  expect(stateOf(camera({ skew_ms: 60_001 }), now)).toBe('clock');
  expect(stateOf(camera({ skew_ms: -599_000 }), now)).toBe('well');
  expect(stateOf(camera({ skew_ms: -601_000 }), now)).toBe('clock');
  expect(stateOf(camera({ last_sent: '2026-11-21T11:59:00Z', skew_ms: 9e9 }), now)).toBe('silent');
  expect(stateOf(camera({ last_sent: undefined }), now)).toBe('waiting');
  expect(stateOf(camera({ trouble: 'unsigned' }), now)).toBe('trouble');
  expect(stateOf(camera({ trouble: 'unsigned', removed: '2026-11-22T11:59:00Z' }), now)).toBe('removed');
  expect(readsToday(camera())).toBe(3);
});

test('a token is new each time and only its hash leaves', () => {
  const [a, b] = [newToken(), newToken()];
  expect(a.token).not.toBe(b.token);
  expect(a.token).toHaveLength(43);
  expect(a.secret).toHaveLength(44);
});

test('a key has 32 bytes', () => {
  expect(isKey(' AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ')).toBe(true);
  for (const bad of ['', 'AAAA', 'not base64!', 'ssh-ed25519 AAAA']) expect(isKey(bad)).toBe(false);
});

test('each kind is told what it needs', () => {
  const line = (speaks: Camera['speaks']) => setupLine(camera({ speaks }), 'https://x.example', 'IL0160000', 'TOKEN');
  expect(line('openalpr')).toBe('https://x.example/api/v1/plates/reads/TOKEN');
  expect(line('csv')).toContain('Bearer TOKEN');
  expect(line('signed')).toContain('--camera 01kq');
  expect(line('frigate')).toContain('IL0160000');
});
