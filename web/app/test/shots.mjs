// Photographs every public page and every component at phone and desk width,
// light and dark, under the real content policy; asks axe about each; and plays
// with the map and the shell:
//   npm run build && node test/shots.mjs [folder [part of a page's name]]
// MAP=folder uses the map files saved there (style-light.json, basemap.css ...) instead of an empty sheet.
// Fails on a serious axe violation, a policy violation, an error in the console,
// a page wider than its window, or a control that does not do its work.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { chromium } from 'playwright-core';
import { build } from 'vite';

const app = new URL('..', import.meta.url).pathname;
const out = process.argv[2] ?? join(tmpdir(), 'porchlight-shots');
const only = process.argv[3] ?? '';
const work = mkdtempSync(join(tmpdir(), 'porchlight-pages-'));
mkdirSync(out, { recursive: true });

// The public pages with sample data, and a page of all components.
execFileSync('go', ['test', './web/pages', '-count=1', '-run', 'TestPages', '-args', '-out', work], { cwd: join(app, '../..'), stdio: 'inherit' });
await build({
  root: join(app, 'test/gallery'),
  configFile: false,
  logLevel: 'error',
  plugins: [svelte({ configFile: join(app, 'svelte.config.js') })],
  resolve: { alias: { $lib: join(app, 'src/lib') } },
  worker: { format: 'es' },
  build: { outDir: join(work, 'gallery'), target: 'chrome123', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});

const csp = readFileSync(join(app, 'embed.go'), 'utf8').match(/const CSP = ([^]*?)\n\n/)[1].replace(/"\s*\+\s*"/g, '').replace(/"/g, '').trim();
const types = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript', '.svg': 'image/svg+xml', '.png': 'image/png', '.json': 'application/json', '.geojson': 'application/geo+json', '.webmanifest': 'application/manifest+json' };
const style = JSON.stringify({ version: 8, center: [-88.2, 40.1], zoom: 13, sources: {}, layers: [{ id: 'land', type: 'background', paint: { 'background-color': '#c9cdbd' } }] });
const mapCSS = '.bm{display:block;width:100%;height:auto}.bm-land{fill:#c9cdbd}.bm-area{fill:#c2410c66}';
const server = createServer((req, res) => {
  const path = decodeURIComponent(new URL(req.url, 'http://x').pathname);
  res.setHeader('Content-Security-Policy', csp);
  if (!process.env.MAP && path.startsWith('/map/style-')) return void res.setHeader('Content-Type', 'application/json').end(style);
  if (!process.env.MAP && path === '/map/basemap.css') return void res.setHeader('Content-Type', 'text/css').end(mapCSS);
  const file = [
    process.env.MAP && path.startsWith('/map/') && join(process.env.MAP, path.slice(5)),
    path.startsWith('/static/') && join(app, '../pages', path),
    path.startsWith('/pages/') && join(work, path.slice(7)),
    path === '/gallery' && join(work, 'gallery/index.html'),
    join(work, 'gallery', path),
    join(app, 'dist', path),
    join(app, 'dist/index.html'),
  ].find((f) => f && extname(f) && existsSync(f));
  res.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream').end(readFileSync(file));
});
await new Promise((ready) => server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', ready));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'] });
const axe = readFileSync(join(app, 'node_modules/axe-core/axe.min.js'), 'utf8');
let complaints = 0;
const complain = (...words) => {
  complaints++;
  console.error(...words);
};

const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 900 };

async function open(url, where, viewport, colorScheme = 'light') {
  const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' });
  page.on('console', (m) => m.type() === 'error' && complain(where, m.text()));
  page.on('pageerror', (e) => complain(where, e.message));
  await page.goto(origin + url, { waitUntil: 'networkidle' });
  await page.waitForSelector('h1');
  return page;
}

const mapsReady = (page) =>
  page.waitForFunction(() => document.querySelectorAll('.maplibregl-canvas').length === 2 && !document.querySelector('.map .skeleton'));

async function photograph(name, url, viewport, colorScheme) {
  const where = `${name} ${viewport.width} ${colorScheme}:`;
  const page = await open(url, where, viewport, colorScheme);
  if (name === 'components-map') await mapsReady(page);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) complain(where, `${over} px wider than the window`);
  await page.screenshot({ path: join(out, `${name}-${viewport.width}-${colorScheme}.png`), fullPage: !/dialog|toast/.test(name) });
  await page.evaluate(axe); // through the debugger: the page's own policy would refuse it
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  for (const v of violations) {
    const say = ['serious', 'critical'].includes(v.impact) ? complain : console.warn;
    say(where, v.impact, v.id, v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`).join('; '));
  }
  await page.close();
}

const check = (ok, what) => ok || complain('does not work:', what);

/** Draws, edits by typing, clears; picks a place; all under the content policy. */
async function playMap() {
  const page = await open('/gallery?view=map', 'map:', desk);
  await mapsReady(page);
  const [drawing, picking] = [page.locator('.map').nth(0), page.locator('.map').nth(1)];
  const json = async (id) => JSON.parse(await page.locator(id).textContent());
  await page.getByRole('button', { name: 'Draw a rectangle' }).click();
  await drawing.click({ position: { x: 300, y: 100 } });
  await page.mouse.move(600, 400);
  await drawing.click({ position: { x: 500, y: 250 } });
  await page.waitForFunction(() => document.querySelector('#area').textContent !== 'null');
  const drawn = await json('#area');
  check(drawn.type === 'Polygon' && drawn.coordinates[0].length === 5, 'drawing a rectangle');
  check(await page.getByText('square miles').isVisible(), 'the size of the drawn area');
  await page.screenshot({ path: join(out, 'map-drawn.png') });

  await page.getByText('Without the map').first().click();
  await page.getByLabel('Corners as text').fill('40.10, -88.21\n40.10, -88.20\n40.11, -88.20');
  await page.getByRole('button', { name: 'Use these corners' }).click();
  check((await json('#area')).coordinates[0].length === 4, 'typing an area');
  await page.getByLabel('Corners as text').fill('40.10, -88.21\nnowhere');
  await page.getByRole('button', { name: 'Use these corners' }).click();
  check(await page.getByText('Line 2 is not a latitude').isVisible(), 'a bad line is named');
  await page.getByRole('button', { name: 'Clear' }).click();
  check((await json('#area')) === null, 'clearing');

  await picking.click({ position: { x: 300, y: 200 } });
  await page.waitForFunction(() => document.querySelector('#point').textContent !== 'null');
  check(Math.abs((await json('#point')).lat - 40.1) < 0.1, 'picking a place');
  await page.close();
}

/** The built app: language, theme, a page that does not exist. */
async function playShell() {
  const page = await open('/desk', 'shell:', phone);
  await page.getByRole('button', { name: 'Nederlands' }).click();
  await page.waitForFunction(() => document.documentElement.lang === 'nl');
  await page.getByRole('button', { name: 'Donker' }).click();
  check(await page.evaluate(() => document.documentElement.dataset.theme === 'dark'), 'the theme switch');
  await page.reload({ waitUntil: 'networkidle' });
  check(await page.evaluate(() => document.documentElement.lang === 'nl' && document.documentElement.dataset.theme === 'dark'), 'choices kept on the device');
  await page.screenshot({ path: join(out, 'shell-390-dark.png') });
  await page.goto(origin + '/desk/no-such-page', { waitUntil: 'networkidle' });
  check(await page.getByRole('heading', { name: 'Deze pagina bestaat niet' }).isVisible(), 'a page that does not exist');
  await page.close();
}

const pages = readdirSync(work)
  .filter((f) => f.endsWith('.html') && f.includes(only))
  .map((f) => [f.replace(/(\.en)?\.html$/, ''), `/pages/${f}`]);
const components = ['components', 'components-dialog', 'components-toast', 'components-map']
  .filter((name) => name.includes(only))
  .map((name) => [name, `/gallery?view=${name.split('-')[1] ?? 'all'}`]);

for (const [name, url] of [...pages, ...components]) {
  await photograph(name, url, phone, 'light');
  if (/\.(es|nl)$/.test(name)) continue; // other languages: is there room for their words?
  await photograph(name, url, phone, 'dark');
  await photograph(name, url, desk, 'light');
  await photograph(name, url, desk, 'dark');
}
if (!only || only === 'play') {
  await playMap();
  await playShell();
}
await browser.close();
server.close();
console.log(`pictures in ${out}, ${complaints} complaints`);
process.exit(complaints > 0 ? 1 : 0);
