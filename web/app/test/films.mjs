// Films are brought by hand and watched over a change of the camera's settings:
//   node test/films.mjs SITE PAIRING_LINK DIR FIRST_BEGINS [SCREENSHOT_DIR]
// home/web/films_test.go starts it. DIR holds first.mov, second.mp4 (another size, right
// behind it), old.webm and notes.mp4 (no film).
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openHouse, walk } from './lib/home.mjs';

const [site, link, dir, begins, shots] = process.argv.slice(2);
const opened = await openHouse(site, link, shots);
const { t, enter, look, cutting } = opened;
const path = (...names) => names.map((n) => join(dir, n));

await walk(opened, async () => {
  const ana = await enter('films', 'Ana’s phone');
  const { page, button, text, api } = ana;
  const [{ id }] = await api('/cameras');

  await page.goto(`/cameras/${id}`);
  await page.getByRole('heading', { name: t('home.bring') }).waitFor();
  // Bytes come in pieces; the line breaks before the second one.
  let pieces = 0;
  await page.route('**/bytes?*', async (route) => {
    if (++pieces !== 1) return route.continue();
    cutting(true);
    await route.abort('connectionreset');
  });
  const input = page.locator('input[type=file]');
  await input.setInputFiles(path('first.mov'));
  await text('home.bring-waiting').waitFor();
  const film = (state) => page.locator(`[data-film=${state}]`);
  await film('ready').waitFor();
  cutting(false);
  await input.setInputFiles(path('second.mp4', 'old.webm', 'notes.mp4'));
  await film('failed').nth(1).waitFor();
  await film('failed').filter({ hasText: 'old.webm' }).getByText(t('home.bring-codec', { codec: 'VP8' })).waitFor();
  await film('failed').filter({ hasText: 'notes.mp4' }).getByText(t('home.bring-film')).waitFor();
  await film('ready').nth(1).waitFor();
  await look(ana, 'home-bring', { whole: true });

  // The time is that of the film, by the house's clocks (UTC here), and hers to correct.
  const when = page.getByLabel(t('home.bring-begins'));
  const wall = (ms) => new Date(ms).toISOString().slice(0, 19).replace(/:00$/, '');
  assert.equal(await when.nth(0).inputValue(), wall(Date.parse(begins)));
  const corrected = Date.parse(begins) - 3_600_000;
  await when.nth(0).fill('');
  await text('home.bring-notime').waitFor();
  for (const [i, at] of [corrected, corrected + 12_000].entries()) await when.nth(i).fill(new Date(at).toISOString().slice(0, 19));
  await button('home.bring-keep-all').tap();
  await film('taken').nth(1).waitFor();
  await look(ana, 'home-brought');

  // The same film once more is told.
  await film('taken').nth(0).getByRole('button').tap();
  await input.setInputFiles(path('first.mov'));
  await film('failed').getByText(t('home.bring-twice')).waitFor();

  // It plays over the change, and a minute is saved in its parts.
  await page.goto(`/timeline?camera=${id}&at=${corrected + 9000}`);
  const sizes = new Set();
  await page.exposeFunction('sized', (w) => sizes.add(w));
  await page.locator('.film video').evaluate((v) => v.addEventListener('resize', () => v.videoWidth && globalThis.sized(v.videoWidth)));
  await button('home.play').tap();
  await page.waitForFunction(() => document.querySelector('.film video')?.videoWidth === 160 && document.querySelector('.film video').currentTime > 1);
  assert.deepEqual([...sizes], [320, 160]);
  await look(ana, 'home-timeline-film', { whole: true });
  await button('home.clip-save').tap();
  const parts = page.locator('dialog[open] a');
  await parts.nth(1).waitFor();
  await look(ana, 'home-clip-parts');
  for (const i of [0, 1]) {
    const [download] = await Promise.all([page.waitForEvent('download'), parts.nth(i).click()]);
    assert.ok(statSync(await download.path()).size > 1000);
  }
});
