// Searching plate reads in real browsers: an investigator looks before she signs,
// searches, reads who refused, saves and keeps what she found, by keyboard; a
// wide ask goes to a second officer, who signs the same on her phone; an auditor
// traces a leaked row. Pictures of the own cameras are shown small beside the
// reads and large on a press; once Ines is enrolled a line on stdout asks the
// test to extend the plates vault to her device, a line on stdin says it did.
//   node test/search.mjs SITE INES_LINK BOB_LINK AUDITOR_LINK [SCREENSHOT_DIR]
// web/search_browser_test.go starts it. Needs /usr/bin/chromium.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openBrowser, press, type, words } from './lib/browser.mjs';

const [site, inesLink, bobLink, auditorLink, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);
const w = words();

async function enrol(p, link) {
  await p.page.goto(link);
  await p.page.getByLabel(/Name of this device/).fill('Key');
  await p.page.getByRole('button', { name: 'Make my passkey' }).click();
  await p.page.getByText('You are enrolled and signed in').waitFor();
  await p.page.goto(site + '/desk/search');
}

/** How many colours a canvas shows once it shows any. */
const drawn = (canvas) =>
  canvas.evaluate(async (c) => {
    for (;;) {
      const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      const colours = new Set(new Uint32Array(data.buffer)).size;
      if (colours > 1) return colours;
      await new Promise(requestAnimationFrame);
    }
  });

try {
  const ines = await person('ines', { passkey: true });
  const { page } = ines;
  await enrol(ines, inesLink);
  console.log('enrolled');
  await createInterface({ input: process.stdin })[Symbol.asyncIterator]().next();
  const plate = page.getByLabel(w('plates.search.plate'), { exact: true });
  await plate.waitFor();
  await page.waitForFunction(() => document.activeElement?.closest('#plate-asked'));
  await look(ines, 'search-empty', { whole: true });

  // The keyboard alone, from / to the answers.
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('abc12?');
  await type(page, page.getByLabel(w('plates.search.case')), '26-004711');
  await page.getByLabel(w('plates.search.offense')).selectOption('120');
  await type(page, page.getByLabel(w('plates.search.note')), 'for ICE');
  await plate.press('Enter');
  await page.getByText(w('plates.search.refused-all')).waitFor();
  await page.getByText('base.search-behalf').waitFor();
  await look(ines, 'search-would-be-refused');
  await page.keyboard.press('Escape');
  await type(page, page.getByLabel(w('plates.search.note')), 'armed robbery of a gas station, silver sedan');
  await plate.press('Enter');
  await page.getByText('This asks 3 agencies about 3 cameras over 7 days.').waitFor();
  await page.getByText('us-nh.search-transmit').first().waitFor();
  await look(ines, 'search-preview', { whole: true });
  await page.waitForFunction(() => document.activeElement?.id === 'sign');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /^Answers: 3 reads/ }).waitFor();
  await page.getByText(w('plates.search.refuses', { agency: 'Granite Police' })).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.locator('tr.lit').getByText('Elm County Sheriff', { exact: true }).waitFor();
  await page.keyboard.press('Space');
  assert.equal(await page.locator('.reads input:checked').count(), 1);
  await page.locator('[data-answers] .map[data-drawn="3"]').waitFor();
  const own = page.locator('.thumb[data-state=closed]').filter({ hasText: w('picture.small-closed') });
  assert.equal(await own.count(), 2);
  await page.locator('tr.lit .thumb').getByText(w('picture.small-ask')).waitFor(); // the sheriff's
  await look(ines, 'search-answers', { whole: true });

  // One signature for the pictures of her own agency; Enter shows one large.
  const size = () => page.locator('.reads').evaluate((e) => [e.offsetWidth, e.offsetHeight]);
  const before = await size();
  await press(page, page.getByRole('button', { name: w('plates.search.pictures-show') }));
  await page.locator('[data-pictures="2"]').waitFor();
  assert.deepEqual(await size(), before, 'nothing moves when pictures come');
  const small = page.getByRole('button', { name: w('picture.small-alt', { plate: 'ABC127' }) });
  assert.ok((await drawn(small.locator('canvas'))) > 50, 'the small picture is drawn');
  await look(ines, 'search-pictures', { whole: true });
  await press(page, small);
  const dialog = page.locator('dialog[open]');
  await dialog.locator('figcaption').getByText(/^Search \d+ · entry \d+ · .* · Ines · Millbrook Police$/).waitFor();
  await look(ines, 'search-picture-large');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.ok(await small.evaluate((e) => e === document.activeElement), 'the focus comes back');
  await page.locator('h1').click();
  await page.keyboard.press('ArrowUp'); // from the last row to the sheriff's
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: w('picture.ask') }).waitFor();
  await page.keyboard.press('Escape');

  const download = page.waitForEvent('download');
  await press(page, page.getByRole('button', { name: w('plates.search.export-csv') }));
  const file = readFileSync(await (await download).path(), 'utf8');
  assert.match(file, /^# Porchlight search \d+/);
  const mark = file.trim().split('\r\n').at(-1).split(',').at(-1);

  await press(page, page.getByRole('button', { name: w('plates.search.keep'), exact: true }));
  await type(page, page.getByLabel(w('plates.search.keep-reason')), 'the car of the robbery');
  await look(ines, 'search-keep');
  await press(page, page.getByRole('button', { name: w('plates.search.keep-do') }));
  await page.getByText(/They go by themselves on/).waitFor();
  await page.getByRole('tab', { name: w('plates.search.tab-kept') }).click();
  await page.getByText('the car of the robbery').waitFor();
  await look(ines, 'search-kept');

  // Who travelled along: a second officer signs the same, on his phone.
  await page.getByRole('tab', { name: w('plates.search.tab-ask'), exact: true }).click();
  await page.getByText(w('plates.search.kind-convoy')).click();
  await plate.fill('ABC123');
  await plate.press('Enter');
  await page.getByText(w('plates.search.second')).waitFor();
  await look(ines, 'search-second');
  await press(page, page.getByRole('button', { name: w('plates.search.propose') }));
  await page.getByText(/waits for a second officer/).waitFor();

  const bob = await person('bob', { passkey: true, onPhone: true });
  await enrol(bob, bobLink);
  await bob.page.getByRole('tab', { name: new RegExp(w('plates.search.tab-wait')) }).tap();
  await bob.page.getByText('26-004711').waitFor();
  await look(bob, 'search-waiting');
  await bob.page.getByRole('button', { name: w('plates.search.approve') }).tap();
  await bob.page.getByText(/approved this ask/).waitFor();

  await page.reload();
  await page.getByRole('tab', { name: new RegExp(w('plates.search.tab-wait')) }).click();
  await press(page, page.getByRole('button', { name: w('plates.search.use') }));
  await page.getByText(/approved this ask/).waitFor();
  await press(page, page.getByRole('button', { name: w('plates.search.run') }));
  await page.getByText(w('plates.search.no-companions')).waitFor();
  await look(ines, 'search-nothing');
  await page.getByRole('tab', { name: w('plates.search.tab-mine') }).click();
  await page.getByRole('button', { name: w('plates.search.open') }).nth(1).click();
  await page.getByRole('heading', { name: /^Answers: 3 reads/ }).waitFor();

  // More pictures than one signature opens: the rest by the next.
  await page.getByRole('tab', { name: w('plates.search.tab-ask'), exact: true }).click();
  await page.getByText(w('plates.search.kind-plate')).click();
  await plate.fill('PRC2481');
  await plate.press('Enter');
  await press(page, page.getByRole('button', { name: w('plates.search.run') }));
  await page.getByRole('heading', { name: /^Answers: 26 reads/ }).waitFor();
  await press(page, page.getByRole('button', { name: w('plates.search.pictures-show') }));
  await page.locator('[data-pictures="24"]').waitFor();
  await press(page, page.getByRole('button', { name: w('plates.search.pictures-next.other', { n: 2 }) }));
  await page.locator('[data-pictures="26"]').waitFor();

  const dora = await person('dora', { passkey: true });
  await enrol(dora, auditorLink);
  await type(dora.page, dora.page.getByLabel(w('plates.search.trace-mark')), mark);
  await press(dora.page, dora.page.getByRole('button', { name: w('plates.search.trace-do') }));
  await dora.page.getByText(/Saved by Millbrook Police/).waitFor();
  await look(dora, 'search-overseen', { whole: true });
  assert.deepEqual(complaints, []);
} catch (e) {
  for (const context of browser.contexts()) for (const page of context.pages()) console.error(page.url(), await page.locator('main').innerText().catch(() => ''));
  throw e;
} finally {
  await browser.close();
}
process.exit();
