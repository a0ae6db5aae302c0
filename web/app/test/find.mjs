// Two drawn people walk through a clip; their faces are found and covered in a
// real browser:
//   node test/find.mjs SITE REQUEST_ID [SCREENSHOT_DIR]
// web/find_test.go starts it. Needs ffmpeg and /usr/bin/chromium. Prints JSON:
// { frames, covered, fps, boxes }.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { person as draw } from './face.mjs';
import { openBrowser } from './lib/browser.mjs';

const [site, requestID, shots] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'porchlight-find-'));
const at = (name) => join(dir, name);
const ffmpeg = (...args) => execFileSync('ffmpeg', ['-v', 'error', '-y', ...args], { maxBuffer: 1 << 30 });
const { browser, person, look, complaints } = await openBrowser(site, shots);

// The clip. A person is drawn 1.5 times as high as wide; width and place go with the time.
const width = 1920;
const height = 1080;
const rate = 30;
const seconds = 10;
const people = [
  { look: { size: 300 }, w: (t) => 90 + 7 * t, x: (t) => 60 + 150 * t, y: () => 330, expr: ['90+7*t', '60+150*t', '330'] },
  {
    look: { size: 400, skin: [112, 74, 54], hair: [24, 18, 16], coat: [150, 60, 52], eye: [40, 26, 18] },
    w: () => 230, x: (t) => 1960 - 330 * (t - 2), y: (t) => 570 + 30 * Math.sin(2 * t), expr: ['230', '1960-330*(t-2)', '570+30*sin(2*t)'],
  },
];
/** Eyes, nose and mouth of a person at t, in whole pixels; undefined unless all of it is in the picture. */
function face(p, t) {
  const unit = p.w(t) / 200;
  const box = { x: Math.ceil(p.x(t) + 64 * unit), y: Math.ceil(p.y(t) + 84 * unit), w: Math.floor(72 * unit), h: Math.floor(88 * unit) };
  return box.x >= 0 && box.y >= 0 && box.x + box.w < width && box.y + box.h < height ? box : undefined;
}
const easel = await browser.newPage();
for (const [i, p] of people.entries()) {
  writeFileSync(at(`person${i}.png`), Buffer.from((await easel.evaluate(draw, p.look)).split(',')[1], 'base64'));
}
await easel.close();
const layers = people.map(({ expr: [w, x, y] }, i) => `[${i + 1}]scale=w='${w}':h='1.5*(${w})':eval=frame[p${i}];[b${i}][p${i}]overlay=x='${x}':y='${y}'[b${i + 1}]`);
ffmpeg('-f', 'lavfi', '-i', `gradients=s=${width}x${height}:r=${rate}:d=${seconds}:c0=0x8296a0:c1=0x5a6b4c:x0=0:y0=0:x1=0:y1=${height}:speed=0.00001`,
  ...people.flatMap((_, i) => ['-loop', '1', '-framerate', String(rate), '-t', String(seconds), '-i', at(`person${i}.png`)]),
  '-filter_complex', `[0]drawbox=x=1200:y=200:w=420:h=500:color=0x8a5a44:t=fill,drawbox=x=1280:y=280:w=90:h=120:color=0xd8dce0:t=fill,noise=alls=9:allf=t,format=rgba[b0];${layers.join(';')};[b${people.length}]format=yuv420p[v]`,
  '-map', '[v]', '-t', String(seconds), '-c:v', 'libx264', '-preset', 'veryfast', '-g', '30', at('street.mp4'));
ffmpeg('-i', at('street.mp4'), '-t', '2', '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error', '-tag:v', 'hvc1', at('garage.mov'));

/** Of every other frame, for each whole face in it: the spread of brightness there; a covered face has next to none. */
function spreads(file) {
  const raw = ffmpeg('-i', file, '-vf', `select='not(mod(n,2))',scale=${width}:${height}`, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'gray', '-');
  const found = [];
  for (let n = 0; (n + 1) * width * height <= raw.length; n++) {
    const t = (n * 2) / rate;
    people.forEach((p, who) => {
      const box = face(p, t);
      if (!box) return;
      let [low, high] = [255, 0];
      for (let y = box.y; y < box.y + box.h; y++) {
        const line = raw.subarray((n * height + y) * width + box.x, (n * height + y) * width + box.x + box.w);
        for (const v of line) [low, high] = [Math.min(low, v), Math.max(high, v)];
      }
      found.push({ t, who, spread: high - low });
    });
  }
  return found;
}

const resident = await person('find', { onPhone: true });
const { context, page } = resident;
const asked = []; // also by workers
context.on('request', (r) => asked.push(new URL(r.url()).pathname));
const button = (name) => page.getByRole('button', { name, exact: true });
const finder = () => asked.filter((path) => /\.(wasm|tflite)$|find-worker/.test(path));

try {
  await page.goto(`/r/${requestID}/share`);
  const chooser = page.waitForEvent('filechooser');
  await button('Choose clips').tap();
  await (await chooser).setFiles([at('street.mp4'), at('garage.mov')]);
  const edit = button('Cut, mute, cover');
  await edit.nth(1).waitFor();

  // What cannot be decoded says so, and offers no search.
  await edit.nth(1).tap();
  await page.getByText('This browser cannot show the picture').waitFor();
  assert.equal(await button('Find faces').count(), 0);
  await button('Cancel').tap();

  await edit.first().tap();
  await button('Find faces').waitFor();
  await page.getByText('It misses faces').waitFor();
  assert.deepEqual(finder(), [], 'loaded before anybody asked');

  // A search that is stopped changes nothing.
  await button('Find faces').tap();
  await page.waitForFunction(() => document.querySelector('dialog progress')?.value > 0);
  await button('Stop looking').tap();
  await button('Find faces').waitFor();
  assert.equal(await page.locator('.cover').count(), 0);

  const began = performance.now();
  await button('Find faces').tap();
  await page.getByText(/faces? found/).waitFor();
  const fps = (5 * seconds) / ((performance.now() - began) / 1000);
  await page.getByText('it may have missed some').waitFor();
  const boxes = await page.locator('.cover').count();
  const sure = (await page.locator('.cover').allTextContents()).map((text) => Number(/(\d+)%/.exec(text)?.[1]));
  assert.deepEqual(sure, [...sure].sort((a, b) => a - b), 'the least sure come first');
  await page.locator('.box').first().waitFor();
  await look(resident, 'find-found');

  await button('Apply').tap();
  await page.getByText('areas covered').waitFor();
  const download = page.waitForEvent('download');
  await page.locator('video').first().evaluate((video) => {
    const link = document.createElement('a');
    link.href = video.src;
    link.download = 'covered.mp4';
    link.click();
  });
  await (await download).saveAs(at('covered.mp4'));

  const before = spreads(at('street.mp4'));
  assert.ok(before.every(({ spread }) => spread > 60), 'the faces are not where the test looks');
  const after = spreads(at('covered.mp4'));
  assert.equal(after.length, before.length);
  const seen = after.filter(({ spread }) => spread > 24);
  if (seen.length > 0) console.error('not covered:', seen.map(({ t, who }) => `${who} at ${t.toFixed(1)} s`).join(', '));
  assert.ok(finder().length >= 3, `${finder()}`);
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ frames: after.length, covered: 1 - seen.length / after.length, fps, boxes }));
} finally {
  await browser.close();
  if (process.env.KEEP) console.error(dir);
  else rmSync(dir, { recursive: true, force: true });
}
