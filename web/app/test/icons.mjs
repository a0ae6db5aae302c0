// Draws public/icons/*.png from icon.svg with a headless Chromium:
//   node test/icons.mjs
// Run it when the drawing changes; the PNGs are committed.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const icons = new URL('../public/icons/', import.meta.url).pathname;
const svg = readFileSync(icons + 'icon.svg', 'utf8');
// A maskable icon fills its square; platforms cut away up to a fifth of each side.
const maskable = svg.replace('viewBox="0 0 64 64"', 'viewBox="-8 -8 80 80"').replace(/<rect [^>]*>/, '<rect x="-8" y="-8" width="80" height="80" fill="#1b2233"/>');

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage();
for (const [name, size, drawing] of [
  ['icon-192.png', 192, svg],
  ['icon-512.png', 512, svg],
  ['maskable-512.png', 512, maskable],
]) {
  await page.setViewportSize({ width: size, height: size });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:100vw}</style>${drawing}`);
  await page.screenshot({ path: icons + name, omitBackground: true });
}
await browser.close();
