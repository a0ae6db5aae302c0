import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { plaintextPackage, WrongClip } from './package';

const utf8 = new TextEncoder();
const clip = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255);
const sum = createHash('sha256').update(clip).digest('hex');

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'package-'))));
afterEach(() => rmSync(dir, { recursive: true }));

const input = (plaintext_sha256: string, name = 'Front door.MP4') => ({
  dir: 'porchlight-item',
  info: [{ label: 'External-Identifier', value: 'item\n one' }],
  parts: [
    { path: 'data/item.json', data: utf8.encode('{}\n') },
    { path: 'summary.html', data: utf8.encode('<!doctype html>') },
  ],
  clip: { name, stream: new Response(clip).body! },
  opening: { plaintext_sha256, plaintext_salt: 'c2FsdA==' },
  made: new Date('2026-11-22T05:00:00Z'),
});

it('writes a bag that sha256sum accepts', async () => {
  const zip = new Uint8Array(await new Response(plaintextPackage(input(sum)) as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
  writeFileSync(join(dir, 'p.zip'), zip);
  execFileSync('python3', ['-m', 'zipfile', '-e', 'p.zip', '.'], { cwd: dir });
  const bag = join(dir, 'porchlight-item');
  for (const m of ['manifest-sha256.txt', 'tagmanifest-sha256.txt']) {
    execFileSync('sha256sum', ['--strict', '--quiet', '-c', m], { cwd: bag });
  }
  expect(readFileSync(join(bag, 'bag-info.txt'), 'utf8')).toMatch(/^External-Identifier: item one\nPayload-Oxum: 300\d{3}\.3\n$/);
  expect(readFileSync(join(bag, 'manifest-sha256.txt'), 'utf8').split('\n').map((l) => l.slice(66))).toEqual([
    'data/clip.mp4', 'data/item.json', 'data/letter.json', '',
  ]);
  expect(createHash('sha256').update(readFileSync(join(bag, 'data/clip.mp4'))).digest('hex')).toBe(sum);
});

it('breaks off when the clip is another', async () => {
  const made = plaintextPackage(input('0'.repeat(64)));
  await expect(new Response(made as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer()).rejects.toThrow(WrongClip);
});

it('never calls a decrypted clip encrypted', async () => {
  const zip = new Uint8Array(await new Response(plaintextPackage(input(sum, 'clip.age')) as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
  expect(Buffer.from(zip).includes('data/clip.bin')).toBe(true);
});
