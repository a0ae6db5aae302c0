// Looks at reports as their readers do: on a phone and at a desk, light and
// dark, folded and unfolded, printed, and within a sandboxed frame.
//
//   node look.mjs SHOTS|"" FILE...      run in web/app, for its packages
//
// Fails on an axe violation that is serious, on anything in the console, on a
// request for another file, and on a page wider than the window.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.cwd(), 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [shots, ...files] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const complaints = [];
const complain = (...what) => {
  complaints.push(what);
  console.error(...what);
};

async function open(name, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('console', (m) => complain(name, 'console:', m.text()));
  page.on('pageerror', (e) => complain(name, e.message));
  return { context, page };
}

for (const file of files) {
  const name = basename(file, '.html');
  const url = pathToFileURL(file).href;
  for (const [width, colorScheme] of [[390, 'light'], [1280, 'dark'], ...(shots ? [[390, 'dark'], [1280, 'light']] : [])]) {
    const where = `${name}-${width}-${colorScheme}`;
    const { context, page } = await open(where, { viewport: { width, height: 900 }, colorScheme });
    page.on('request', (r) => r.url() !== url && complain(where, 'asked for', r.url()));
    await page.goto(url);
    if (shots) await page.screenshot({ path: join(shots, `${where}.png`), fullPage: true });
    for (const folded of [true, false]) {
      if (!folded) await page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)));
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) complain(where, folded ? 'folded' : 'unfolded', `is ${over} px wider than the window`);
    }
    await page.evaluate(axe);
    for (const v of await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)))
      if (['serious', 'critical'].includes(v.impact)) complain(where, `axe ${v.id}:`, v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary?.split('\n')[1] ?? ''}`).join('; '));
    if (width === 1280) {
      await page.reload();
      const pdf = await page.pdf({ format: 'Letter', ...(shots ? { path: join(shots, `${name}.pdf`) } : {}) });
      if (pdf.length < 10_000) complain(where, `prints ${pdf.length} bytes`);
    }
    await context.close();
  }

  // As the page where a log is dropped shows it: in a frame that may do nothing.
  const { context, page } = await open(`${name} in a frame`, {});
  await page.setContent('<iframe sandbox="" width="800" height="600" title="report"></iframe>');
  await page.evaluate((html) => (document.querySelector('iframe').srcdoc = html), readFileSync(file, 'utf8'));
  await page.frameLocator('iframe').locator('h1').waitFor();
  const color = await page.frameLocator('iframe').locator('.masthead').evaluate((e) => getComputedStyle(e).backgroundColor).catch(() => 'scripts are refused');
  if (color !== 'rgb(27, 34, 51)' && color !== 'scripts are refused') complain(name, 'has lost its style in a frame:', color);
  await context.close();
}
await browser.close();
if (complaints.length) process.exit(1);
