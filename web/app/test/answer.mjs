// A resident answers a request in a real browser, on a phone's screen:
//   node test/answer.mjs SITE REQUEST_ID [SCREENSHOT_DIR]
// web/answer_test.go starts it. A proxy in between drops connections. Needs
// ffmpeg and /usr/bin/chromium. Prints JSON: { link, taps, seconds, dropped }.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from './lib/browser.mjs';

const [site, requestID, shots] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'porchlight-answer-'));

// A clip of half a minute, as a camera makes it, and what is no clip.
execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30:d=30', '-f', 'lavfi', '-i', 'sine=d=30', '-c:v', 'libx264', '-preset', 'veryfast',
  '-b:v', '8M', '-g', '30', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-metadata', 'comment=SERIAL-0042', join(dir, 'front door.mp4')]);
execFileSync('ffmpeg', ['-v', 'error', '-i', join(dir, 'front door.mp4'), '-t', '6', '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:keyint=30', '-c:a', 'copy', '-tag:v', 'hvc1', join(dir, 'garage.mov')]);
const clip = join(dir, 'front door.mp4');

let drop = 0; // how many of the next upload pieces lose their connection midway
let dropped = 0;
const proxy = createServer((req, res) => {
  const out = httpRequest(site + req.url, { method: req.method, headers: req.headers }, (back) => {
    res.writeHead(back.statusCode, back.headers);
    back.pipe(res);
  });
  out.on('error', () => res.destroy());
  if (req.method !== 'PATCH' || drop === 0) return req.pipe(out);
  drop--;
  dropped++;
  let seen = 0;
  req.on('data', (data) => {
    seen += data.length;
    if (seen > 300_000) {
      out.destroy();
      req.socket.destroy();
    } else out.write(data);
  });
});
await new Promise((done) => proxy.listen(0, '127.0.0.1', done));
const base = `http://127.0.0.1:${proxy.address().port}`;
const { browser, person, look, complaints, cutting } = await openBrowser(base, shots);
const resident = await person('answer', { onPhone: true });
const { context, page } = resident;

let taps = 0;
const tap = async (name, options = {}) => {
  taps++;
  await page.getByRole(options.role ?? 'button', { name, exact: options.exact ?? false }).first().tap();
};
const choose = async (name, files) => {
  const chooser = page.waitForEvent('filechooser');
  await tap(name);
  taps++; // the clip in the system's picker
  await (await chooser).setFiles(files);
};
let looked = 0; // ms in which the page was judged, which is not her time
const see = async (what) => {
  const began = performance.now();
  await look(resident, `answer-${what}`);
  looked += performance.now() - began;
};

try {
  // One clip, the short way: from the request to the receipt.
  const began = performance.now();
  taps = 1; // "Share a clip" on the request's page
  await page.goto(`${base}/r/${requestID}/share`);
  await choose('Choose clips', clip);
  await page.locator('video').waitFor();
  await see('check');
  await page.getByText('Exactly these files').waitFor();
  await tap('Continue');
  await page.getByText('checked against the public ledger').waitFor();
  await see('agree');
  await tap('Share this clip');
  await page.getByRole('heading', { name: 'Sent', exact: true }).waitFor();
  const short = { taps, seconds: (performance.now() - began - looked) / 1000 };
  await see('done');
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save receipt' }).or(page.locator('.receipt button')).first().tap();
  const receipt = readFileSync(await (await saved).path(), 'utf8');
  assert.match(receipt, /^porchlight-receipt\/v1\nentry /);
  assert.match(receipt, /\ndisclose plaintext_sha256 /);
  const link = (await page.locator('.copy code').textContent()).trim();

  // Where did it go: the page behind the link, and the receipt of an act.
  await page.getByRole('link', { name: 'Where did my clip go?' }).tap();
  await page.getByText('You shared this clip').waitFor();
  assert.ok(await page.getByText('front door.mp4').isVisible());
  await page.getByRole('button', { name: 'Receipt', exact: true }).first().tap();
  await page.getByText('porchlight-receipt/v1').waitFor({ state: 'attached' });
  await page.getByLabel('Write to the agency').fill('The van was blue.');
  await page.getByRole('button', { name: 'Send the message' }).tap();
  await page.locator('.said', { hasText: 'The van was blue.' }).waitFor();
  await see('follow');

  // A stolen link is replaced, though the line breaks before the answer comes; the old one opens nothing, the message is still readable.
  const replace = () => page.getByRole('button', { name: 'Replace the link' }).tap();
  cutting(true);
  await page.route('**/api/v1/clips/relink', async (route) => { await route.fetch(); await route.abort(); }, { times: 1 });
  await page.getByRole('button', { name: 'Replace this link' }).tap();
  await replace();
  await page.locator('dialog[open]').getByRole('status').waitFor();
  cutting(false);
  await page.reload(); // the device knows what it asked for
  await page.waitForFunction((old) => location.href !== old, link);
  await page.locator('.said', { hasText: 'The van was blue.' }).waitFor();
  const other = await context.newPage();
  await other.goto(base + new URL(link).pathname + new URL(link).hash);
  await other.getByText('does not open anything').waitFor();
  await other.close();

  // She takes it back; it is destroyed.
  await page.getByRole('button', { name: 'Take it back' }).tap();
  await page.getByRole('button', { name: 'Yes, take it back' }).tap();
  await page.getByText('destroyed because you took it back').waitFor();
  await see('withdrawn');

  // Two clips, edited, over a connection that breaks and a page that is reloaded.
  await page.goto(`${base}/r/${requestID}/share`);
  await choose('Choose clips', [clip, join(dir, 'garage.mov')]);
  await page.getByText('Exactly these files').waitFor();
  await page.getByRole('button', { name: 'Cut, mute, cover' }).nth(1).waitFor();
  await page.getByRole('button', { name: 'Cut, mute, cover' }).first().tap();
  await page.getByLabel('Remove the sound').check();
  await page.getByLabel(/^From 0:00/).first().fill('12');
  await page.getByLabel(/^To 0:30/).first().fill('20');
  await page.getByRole('button', { name: 'Add a box' }).tap();
  await page.locator('.box').waitFor();
  await see('editor');
  await page.getByRole('button', { name: 'Apply' }).tap();
  await page.getByText('areas covered').waitFor();
  await page.getByText('no sound').waitFor();
  await page.reload(); // the draft is still there
  await page.getByText('areas covered').waitFor();
  await tap('Continue');
  await page.getByLabel('By e-mail').check();
  await tap('Share 2 clips');
  await page.getByText('Enter an e-mail address').waitFor();
  await page.getByLabel('Your e-mail address').fill('ana@example.org');
  drop = 2;
  cutting(true);
  await tap('Share 2 clips');
  await page.getByText(/Encrypting|Sending/).first().waitFor();
  await page.waitForFunction(() => document.querySelector('progress')?.value > 0);
  await page.reload({ waitUntil: 'commit' }).catch(() => undefined);
  const again = page.getByRole('button', { name: 'Go on' });
  await again.or(page.getByRole('heading', { name: 'Sent', exact: true })).first().waitFor();
  if (await again.isVisible()) await again.tap();
  await page.getByRole('heading', { name: 'Sent', exact: true }).waitFor();
  assert.ok(dropped > 0, 'no connection was dropped');
  await page.getByText('Receipt of clip 2').waitFor();

  // What is no request says so; what was shared from this device is listed.
  await page.goto(`${base}/clip`);
  await page.getByText('2 clips').waitFor();
  await page.goto(`${base}/r/01jd7v0q3x8m2c4n6p8r0t2v4x/share`);
  await page.getByText('Not found').or(page.locator('.notice.danger')).first().waitFor();
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ link, ...short, dropped }));
} finally {
  await browser.close();
  proxy.close();
  proxy.closeAllConnections();
  rmSync(dir, { recursive: true, force: true });
}
