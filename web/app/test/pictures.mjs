// Pictures of plate reads, in real browsers with virtual security keys.
//   node test/pictures.mjs SITE ADMIN_LINK INVESTIGATOR_LINK [SCREENSHOT_DIR]
// web/api_plate_image_test.go starts it and plays the other agency: a line on
// stdout says what is done here, a line on stdin what is done there.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { openBrowser, words } from './lib/browser.mjs';

const [site, adminLink, investigatorLink, shots] = process.argv.slice(2);
const w = words();
const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const until = async (what) => assert.equal((await told.next()).value, what);
const { browser, person, look, complaints } = await openBrowser(site, shots);

async function enrol(p, link) {
  await p.page.goto(link);
  await p.page.getByLabel(/Name of this device/).fill(`${p.name}’s key`);
  await p.page.getByRole('button', { name: 'Make my passkey' }).click();
  await p.page.getByText('You are enrolled and signed in').waitFor();
  await p.page.goto(`${site}/desk/vault`);
}

/** Bytes of the canvas that are not those of its neighbours: something is drawn. */
const drawn = (canvas) =>
  canvas.evaluate((c) => {
    const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4 * 97) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return { width: c.width, height: c.height, colours: colours.size };
  });

try {
  const ada = await person('ada', { passkey: true });
  await enrol(ada, adminLink);
  // An administrator sees that there is an evidence vault, and makes the other.
  await ada.page.getByRole('heading', { name: w('people.vault-key') }).waitFor();
  await ada.page.getByRole('tab', { name: w('people.vault-plates') }).click();
  await ada.page.getByRole('button', { name: w('people.vault-make') }).waitFor();
  await look(ada, 'plates-vault-none', { whole: true });
  await ada.page.getByRole('button', { name: w('people.vault-make') }).click();
  const secret = await ada.page.locator('.secret').textContent();
  await ada.page.getByLabel(w('people.recovery-kept')).check();
  await ada.page.getByLabel(w('people.recovery-again')).fill(secret.replace(/\s/g, '').slice(-5));
  await look(ada, 'plates-vault-recovery');
  await ada.page.getByRole('button', { name: w('people.publish') }).click();
  await ada.page.getByText(w('people.opens')).waitFor();

  const inga = await person('inga', { passkey: true });
  await enrol(inga, investigatorLink);
  const numbers = await inga.page.locator('p.mono.lead').textContent();
  assert.equal(await inga.page.getByRole('tab').count(), 1, 'the evidence vault is not hers');
  await look(inga, 'plates-vault-investigator', { whole: true });

  // Before she has the key, a picture is locked and says what to do.
  console.log('vault');
  await until('asked');
  await inga.page.goto(`${site}/desk/pictures`);
  await inga.page.getByRole('button', { name: w('picture.asks-look') }).click();
  const figure = inga.page.locator('figure.picture');
  await figure.getByRole('button', { name: w('picture.show') }).click();
  await inga.page.getByText(w('picture.locked'), { exact: true }).waitFor();
  await look(inga, 'picture-locked');
  assert.equal(await figure.getAttribute('data-state'), 'locked');

  // Ada compares the numbers and extends the vault to Inga's device.
  await ada.page.goto(`${site}/desk/vault`);
  await ada.page.getByRole('tab', { name: w('people.vault-plates') }).click();
  const row = ada.page.getByRole('row', { name: /Inga/ });
  await row.getByRole('button', { name: w('people.grant') }).click();
  assert.equal(await ada.page.locator('dialog p.mono.lead').textContent(), numbers, 'both screens show the same numbers');
  await ada.page.getByLabel(/sees the same numbers/).check();
  await ada.page.locator('dialog').getByRole('button', { name: w('people.grant') }).click();
  await ada.page.getByText(w('people.granted', { name: 'Inga Example' })).waitFor();
  await look(ada, 'plates-vault-granted', { whole: true });

  await inga.page.reload();
  await look(inga, 'pictures-asked', { whole: true });
  await inga.page.getByRole('button', { name: w('picture.asks-look') }).click();
  const hand = inga.page.locator('dialog').getByRole('button', { name: /^Hand on to/ });
  assert.ok(await hand.isDisabled(), 'nobody hands on what she has not seen');
  await figure.getByRole('button', { name: w('picture.show') }).click();
  const canvas = figure.locator('canvas');
  await canvas.waitFor();
  await inga.page.waitForFunction(() => document.querySelector('figure.picture canvas')?.height > 700);
  const shown = await drawn(canvas);
  assert.ok(shown.width === 1280 && shown.height > 720 && shown.colours > 200, JSON.stringify(shown));
  await look(inga, 'picture-shown', { whole: true });

  // What she saves carries the mark: it is larger than the picture by the band,
  // and differs from the picture inside it.
  const [download] = await Promise.all([inga.page.waitForEvent('download'), figure.getByRole('button', { name: w('picture.save') }).click()]);
  const file = await readFile(await download.path());
  const saved = await inga.page.evaluate(async (b64) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(b64), (c) => c.charCodeAt(0))]));
    const c = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    c.drawImage(bitmap, 0, 0);
    const band = c.getImageData(0, 724, bitmap.width, bitmap.height - 728).data;
    let dark = 0;
    let light = 0;
    for (let i = 0; i < band.length; i += 4) (band[i + 1] > 200 ? light++ : band[i + 1] < 60 && dark++);
    return { width: bitmap.width, height: bitmap.height, dark, light };
  }, file.toString('base64'));
  assert.ok(saved.width === shown.width && saved.height === shown.height, JSON.stringify(saved));
  assert.ok(saved.light > 2000 && saved.dark > 4 * saved.light, `the band has words: ${JSON.stringify(saved)}`);
  assert.match(download.suggestedFilename(), /^plate-read-\d+\.jpg$/);

  await hand.click();
  await inga.page.getByText(w('picture.handed', { agency: 'Elm County Sheriff' })).waitFor();
  await inga.page.getByText(/handed on until/).waitFor();
  await look(inga, 'pictures-handed-on', { whole: true });
  console.log('handed on');
  await until('opened');
  assert.deepEqual(complaints, []);
} catch (e) {
  for (const context of browser.contexts()) for (const page of context.pages()) console.error(page.url(), await page.locator('body').innerText().catch(() => ''));
  throw e;
} finally {
  await browser.close();
}
process.exit();
