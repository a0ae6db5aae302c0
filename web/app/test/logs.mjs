// Somebody drops a search log of several blocks on the audit page, on a desk; the
// report comes from her own device:
//   node test/logs.mjs SITE LOG STATE [SCREENSHOT_DIR]
// web/logs_test.go starts it and compares with the command line. Prints JSON:
// { seconds, progress, json }.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { openBrowser, words } from './lib/browser.mjs';

const [site, log, state, shots] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'porchlight-logs-'));
const say = words();
const { browser, person, look, complaints } = await openBrowser(site, shots);
try {
  const reader = await person('reporter');
  const { page, context } = reader;
  await page.goto('/audit');
  await page.getByRole('option', { name: 'Illinois' }).waitFor({ state: 'attached' }); // the engine is 12 MB to compile
  await look(reader, 'logs-empty', { whole: true });

  // From here on nothing leaves the device, and nothing needs to come.
  const sent = [];
  context.on('request', (r) => /^(blob|data|about):/.test(r.url()) || sent.push(`${r.method()} ${r.url()}`));
  await context.setOffline(true);

  await page.locator('input[type=file]').setInputFiles(log);
  await page.getByLabel(say('logs.state')).selectOption(state);
  await page.getByLabel(say('logs.redact')).uncheck();
  // What is told on the way, seen from inside the page: it may be over in a moment.
  await page.evaluate(() => {
    globalThis.shares = [];
    new MutationObserver(() => globalThis.shares.push(document.querySelector('progress')?.value)).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const began = performance.now();
  await page.getByRole('button', { name: say('logs.go'), exact: true }).click();
  await page.getByRole('heading', { name: say('logs.report') }).waitFor();
  const seconds = (performance.now() - began) / 1000;
  const progress = new Set((await page.evaluate(() => globalThis.shares)).filter((v) => v > 0 && v < 1)).size;

  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: say('logs.save-data') }).click()]);
  const json = readFileSync(await download.path(), 'utf8');
  const report = page.frameLocator('iframe');
  await report.getByRole('heading', { level: 1 }).waitFor();
  assert.notEqual(await report.locator('body').evaluate((b) => getComputedStyle(b).fontFamily), 'Times New Roman', 'the report keeps its look');
  await look(reader, 'logs-report', { whole: true, top: true });

  // Once more, to publish: the file's name stays, plates do not.
  await page.getByLabel(say('logs.redact')).check();
  await page.getByRole('button', { name: say('logs.go'), exact: true }).click();
  await page.getByRole('heading', { name: say('logs.report') }).waitFor();
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: say('logs.save-report') }).click()]);
  const html = readFileSync(await saved.path(), 'utf8');
  assert.ok(html.includes(basename(log)), 'the report names its file');
  assert.ok(!/<script/i.test(html), 'the report has no script');

  // A file that is no log is explained.
  await page.locator('input[type=file]').setInputFiles({ name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('Dear council,\nplease find attached nothing.\n') });
  await page.getByRole('button', { name: say('logs.go'), exact: true }).click();
  await page.getByRole('heading', { name: say('logs.report') }).waitFor();
  await look(reader, 'logs-no-log', { top: true });

  assert.deepEqual(sent, [], 'nothing is sent');
  assert.deepEqual(complaints, []);
  process.stdout.write(JSON.stringify({ seconds, progress, json: JSON.parse(json) }));
} finally {
  await browser.close();
  rmSync(dir, { recursive: true, force: true });
}
