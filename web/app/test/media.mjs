// Cuts, mutes, blurs and seals real clips in Chromium and checks the results with
// ffprobe and ffmpeg:  node test/media.mjs [--big MEGABYTES]
// Needs ffmpeg and /usr/bin/chromium.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';

const root = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'porchlight-media-'));
const big = process.argv.includes('--big') ? Number(process.argv[process.argv.indexOf('--big') + 1]) : 0;
const at = (name) => join(dir, name);
const ffmpeg = (...args) => execFileSync('ffmpeg', ['-v', 'error', '-y', ...args], { maxBuffer: 1 << 28 });
const ffprobe = (file) => JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-show_format', '-show_streams', '-of', 'json', file]));

// Ten red seconds, then ten blue ones with a white square; a tone; telltale tags.
const secret = 'SERIAL-0042-SECRET';
ffmpeg('-f', 'lavfi', '-i', 'color=red:s=640x360:r=30:d=10', '-f', 'lavfi', '-i', 'color=blue:s=640x360:r=30:d=10',
  '-f', 'lavfi', '-i', 'sine=frequency=440:duration=20',
  '-filter_complex', '[1]drawbox=x=320:y=80:w=80:h=80:color=white:t=fill,drawbox=x=340:y=100:w=20:h=40:color=black:t=fill[b];[0][b]concat=n=2[v]',
  '-map', '[v]', '-map', '2', '-c:v', 'libx264', '-preset', 'veryfast', '-g', '30', '-pix_fmt', 'yuv420p', '-c:a', 'aac',
  '-metadata', `title=${secret}`, '-metadata', `comment=${secret}`, '-metadata', 'location=+41.8781-087.6298/', '-metadata', 'creation_time=2026-01-02T03:04:05Z',
  '-metadata:s:v:0', `handler_name=${secret}`, '-movflags', 'use_metadata_tags', at('a.mp4'));
ffmpeg('-i', at('a.mp4'), '-c', 'copy', at('a.mkv'));
ffmpeg('-i', at('a.mp4'), '-c', 'copy', at('a.mov'));
ffmpeg('-i', at('a.mp4'), '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:keyint=30', '-c:a', 'copy', '-tag:v', 'hvc1', at('h265.mov'));
writeFileSync(at('junk.mp4'), Buffer.alloc(5000, 7));

const server = await createServer({ root, logLevel: 'error', server: { port: 21501, host: '127.0.0.1', hmr: false, watch: null } });
await server.listen();
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
page.on('pageerror', (e) => console.error('page:', e.message));
page.on('console', (m) => m.type() === 'error' && console.error('console:', m.text()));
await page.route('**/blank', (r) => r.fulfill({ contentType: 'text/html', body: '<!doctype html><input type=file id=f><a id=d>' }));
await page.goto('http://127.0.0.1:21501/blank');

const choose = (name) => page.setInputFiles('#f', at(name));
const call = (fn, arg) => page.evaluate(fn, arg);
const save = async (name, to) => {
  const download = page.waitForEvent('download');
  await call(async (n) => {
    const { openFile } = await import('/src/lib/seal/files.ts');
    const a = document.querySelector('#d');
    a.href = URL.createObjectURL(await openFile(n));
    a.download = n;
    a.click();
  }, name);
  await (await download).saveAs(to);
};
const probe = () => call(async () => {
  const { probe } = await import('/src/lib/media/media.ts');
  try {
    const p = await probe(document.querySelector('#f').files[0]);
    return { ...p, thumbnail: p.thumbnail?.size ?? 0 };
  } catch (e) {
    return { error: e.name };
  }
});
const prepare = (name, edits) => call(async ([n, e]) => {
  const { prepare } = await import('/src/lib/media/media.ts');
  const { file, ...rest } = await prepare(document.querySelector('#f').files[0], n, e);
  return { ...rest, size: file.size };
}, [name, edits]);

/** Mean colour of a rectangle of every frame that is in the file, edit lists ignored. */
function colours(file, crop) {
  const raw = ffmpeg('-ignore_editlist', '1', '-i', file, '-vf', `${crop ? `crop=${crop},` : ''}scale=1:1:flags=area`, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
  const out = [];
  for (let i = 0; i + 2 < raw.length; i += 3) out.push([raw[i], raw[i + 1], raw[i + 2]]);
  return out;
}
const isRed = ([r, , b]) => r > 120 && b < 100;
/** Spread of brightness inside a rectangle at a time: 0 for a flat patch. */
function spread(file, crop, time) {
  const raw = ffmpeg('-ss', String(time), '-i', file, '-frames:v', '1', '-vf', `crop=${crop}`, '-f', 'rawvideo', '-pix_fmt', 'gray', '-');
  return Math.max(...raw) - Math.min(...raw);
}

try {
  // What files are.
  await choose('a.mp4');
  const p = await probe();
  assert.deepEqual([p.video, p.audio, p.width, p.height, p.decodable], ['avc', 'aac', 640, 360, true]);
  assert.ok(Math.abs(p.duration - 20) < 0.1 && p.thumbnail > 500 && p.keyframes.length === 20, JSON.stringify(p));
  await choose('a.mkv');
  assert.equal((await probe()).video, 'avc');
  await choose('h265.mov');
  assert.equal((await probe()).video, 'hevc');
  await choose('junk.mp4');
  assert.equal((await probe()).error, 'NotAClip');

  // Cut without re-encoding: no red frame, no tag is left; muted: no sound.
  for (const [name, edits] of [
    ['a.mp4', { start: 9.5, end: 15 }], ['a.mov', { start: 10, end: 14, mute: true }], ['a.mkv', { start: 11.2, end: 20 }], ['h265.mov', { start: 9.7, end: 13, mute: true }], ['a.mp4', {}],
  ]) {
    await choose(name);
    const made = await prepare('out.mp4', edits);
    await save('out.mp4', at('out.mp4'));
    const info = ffprobe(at('out.mp4'));
    const kinds = info.streams.map((s) => s.codec_type).sort().join();
    assert.equal(kinds, edits.mute ? 'video' : 'audio,video', name);
    assert.equal(made.hasAudio, !edits.mute);
    assert.equal(made.reencoded, false);
    const bytes = readFileSync(at('out.mp4'));
    assert.ok(!bytes.includes(secret), `${name}: a tag of the camera is left`);
    assert.ok(!bytes.includes('41.8781'), `${name}: the place is left`);
    assert.ok(!JSON.stringify(info).includes('2026-01-02'), `${name}: the creation time is left`);
    const all = colours(at('out.mp4'));
    if (edits.start) assert.ok(!all.some(isRed), `${name}: footage from before the cut is left`);
    else assert.ok(all.some(isRed));
    assert.ok(Math.abs(Number(info.format.duration) - made.duration) < 0.2, `${name}: ${info.format.duration} is not ${made.duration}`);
    if (edits.end) assert.ok(made.duration <= edits.end - edits.start + 0.05 && made.duration > edits.end - edits.start - 1.1, `${name}: ${made.duration}`);
    console.log('ok cut', name, JSON.stringify(edits), made.duration.toFixed(2), 's');
  }

  // Blur: the square is one flat patch while the box is there, and sharp after it.
  await choose('a.mp4');
  const box = { x: 300 / 640, y: 60 / 360, w: 120 / 640, h: 120 / 360 };
  const blur = [{ id: 'b', kind: 'manual', score: 1, from: 0, to: 15, keys: [{ t: 0, ...box }] }];
  const made = await prepare('blur.mp4', { start: 11, end: 18, blur });
  await save('blur.mp4', at('blur.mp4'));
  assert.equal(made.reencoded, true);
  const info = ffprobe(at('blur.mp4'));
  assert.equal(info.streams.map((s) => s.codec_name).sort().join(), 'aac,h264');
  const inside = '80:80:320:80';
  assert.ok(spread(at('a.mp4'), inside, 12) > 150);
  for (const t of [0, 1, 2, 3, 3.9]) assert.ok(spread(at('blur.mp4'), inside, t) < 20, `readable at ${t}: ${spread(at('blur.mp4'), inside, t)}`);
  assert.ok(spread(at('blur.mp4'), inside, 5) > 150, 'the box stayed too long');
  assert.ok(!readFileSync(at('blur.mp4')).includes(secret));
  console.log('ok blur', made.duration.toFixed(2), 's');

  // Seal: what comes out opens to exactly the prepared bytes.
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const sealed = await call(async ([n, r]) => {
    const { openFile } = await import('/src/lib/seal/files.ts');
    const { seal } = await import('/src/lib/seal/seal.ts');
    const s = await seal(await openFile(n), r, 'blur.age');
    return { sha256: s.sha256, size: s.file.size };
  }, ['blur.mp4', recipient]);
  await save('blur.age', at('blur.age'));
  const d = new Decrypter();
  d.addIdentity(identity);
  const plain = await d.decrypt(new Uint8Array(readFileSync(at('blur.age'))));
  assert.ok(Buffer.from(plain).equals(readFileSync(at('blur.mp4'))), 'the sealed clip is not the prepared one');
  assert.equal(createHash('sha256').update(plain).digest('hex'), sealed.sha256);
  console.log('ok seal', sealed.size, 'bytes');

  if (big) {
    ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30:d=10', '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '40M', '-minrate', '40M', '-bufsize', '80M', '-x264-params', 'nal-hrd=cbr', '-g', '30', at('unit.mp4'));
    const unit = existsSync(at('unit.mp4')) ? readFileSync(at('unit.mp4')).length : 0;
    ffmpeg('-stream_loop', String(Math.ceil((big << 20) / unit)), '-i', at('unit.mp4'), '-c', 'copy', at('big.mp4'));
    await choose('big.mp4');
    const began = performance.now();
    const result = await call(async (r) => {
      const { prepare } = await import('/src/lib/media/media.ts');
      const { seal } = await import('/src/lib/seal/seal.ts');
      const t0 = performance.now();
      const p = await prepare(document.querySelector('#f').files[0], 'big.mp4', { mute: true });
      const t1 = performance.now();
      const s = await seal(p.file, r, 'big.age');
      return { prepare: (t1 - t0) / 1000, seal: (performance.now() - t1) / 1000, size: s.file.size };
    }, recipient);
    const rss = execFileSync('ps', ['-eo', 'rss,args']).toString().split('\n').filter((l) => l.includes('--type=renderer')).map((l) => parseInt(l, 10) / 1024);
    console.log(`big ${(result.size / 2 ** 20).toFixed(0)} MiB: prepare ${result.prepare.toFixed(1)} s, seal ${result.seal.toFixed(1)} s, all ${((performance.now() - began) / 1000).toFixed(1)} s, largest renderer ${Math.max(...rss).toFixed(0)} MiB`);
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(dir, { recursive: true, force: true });
}
