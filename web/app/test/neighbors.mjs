// Neighbors without an account, on phones: a camera told to an agency, looked at
// by an officer, asked about, taken back; a lost dog posted, let in by a
// moderator, seen by a neighbor, found.
//   node test/neighbors.mjs SITE INVESTIGATOR_LINK MODERATOR_LINK [SCREENSHOT_DIR]
// web/neighbors_browser_test.go starts it. Needs /usr/bin/chromium.
import assert from 'node:assert/strict';
import { openBrowser, words } from './lib/browser.mjs';

const [site, investigatorLink, moderatorLink, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);
const w = words();

async function enrol(p, link) {
  await p.page.goto(link);
  await p.page.getByLabel(/Name of this device/).fill('Key');
  await p.page.getByRole('button', { name: 'Make my passkey' }).click();
  await p.page.getByText('You are enrolled and signed in').waitFor();
}
const button = (page, key) => page.getByRole('button', { name: w(key), exact: true });
async function place(page, where) {
  await page.getByText(w('map.by-text')).click();
  await page.getByLabel(w('map.point')).fill(where);
  await button(page, 'map.point-use').click();
}
/** A drawn dog, as a phone would save it. */
const photo = async (page) => ({
  name: 'dog.jpg',
  mimeType: 'image/jpeg',
  buffer: Buffer.from(
    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(1600, 1200);
      const c = canvas.getContext('2d');
      c.fillStyle = '#7fae6b';
      c.fillRect(0, 0, 1600, 1200);
      c.fillStyle = '#8a5a2b';
      c.fillRect(500, 500, 600, 300);
      c.fillRect(1000, 350, 250, 250);
      return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg' })).arrayBuffer())];
    }),
  ),
});

/** Replaces the link of the page that p has open: the old one then opens nothing. */
async function relink(p, name) {
  const { page } = p;
  const old = page.url();
  await button(page, 'answer.relink').click();
  await look(p, name);
  await page.locator('dialog[open]').getByRole('button', { name: w('answer.relink-sure') }).click();
  await page.getByText(w('answer.relink-done')).waitFor();
  const now = page.url();
  assert.notEqual(now, old);
  await page.goto('about:blank');
  await page.goto(old);
  await page.getByText(w('told.unknown'), { exact: true }).waitFor();
  await page.goto('about:blank');
  await page.goto(now);
}

try {
  // A camera is told.
  const ann = await person('owner', { onPhone: true });
  let { page } = ann;
  await page.goto(site + '/camera');
  await button(page, 'told.tell').click();
  await page.getByText(w('told.where-missing')).waitFor();
  await page.getByLabel(w('told.agency'), { exact: true }).selectOption({ label: 'Millbrook Police' });
  await place(page, '39.7502, -89.6501');
  await page.getByText(w('told.films-street'), { exact: true }).click();
  await page.getByLabel(w('told.note')).fill('Faces east.');
  await page.getByLabel(w('told.contact-own')).fill('Ann, 555-0100');
  await look(ann, 'camera-tell', { whole: true });
  await button(page, 'told.tell').click();
  await page.getByText(w('told.done'), { exact: true }).waitFor();
  await look(ann, 'camera-told');
  await page.getByRole('link', { name: w('told.mine') }).click();
  await page.getByText(w('told.looks-none')).waitFor();

  // An officer looks, and asks.
  const ivy = await person('investigator', { passkey: true });
  await enrol(ivy, investigatorLink);
  await ivy.page.goto(site + '/desk/register');
  await ivy.page.getByText(w('map.by-text')).click();
  await ivy.page.getByLabel(w('map.coordinates')).fill('39.749, -89.652\n39.749, -89.648\n39.7515, -89.648\n39.7515, -89.652');
  await button(ivy.page, 'map.coordinates-use').click();
  await ivy.page.getByLabel(w('ask.incident'), { exact: true }).selectOption('burglary');
  await ivy.page.getByLabel(w('ask.case'), { exact: true }).fill('26-0007');
  await look(ivy, 'register-desk');
  await button(ivy.page, 'told.look-go').click();
  await ivy.page.getByText(w('told.found.one', { n: 1 }), { exact: true }).waitFor();
  await ivy.page.getByText('Faces east.').waitFor();
  await look(ivy, 'register-found', { whole: true });
  await button(ivy.page, 'told.send').click();
  await ivy.page.getByText(w('told.asked')).waitFor();

  // She sees who looked, reads, proves, and takes it back.
  await page.reload();
  await page.getByText(/Millbrook Police, /).first().waitFor();
  await page.getByText(w('told.ask-draft', { case: '26-0007' })).waitFor();
  await button(page, 'told.prove').click();
  await page.getByText(w('ui.receipt'), { exact: true }).first().waitFor();
  await look(ann, 'camera-mine', { whole: true });
  await relink(ann, 'camera-relink');
  await page.getByText(w('told.ask-draft', { case: '26-0007' })).waitFor();
  await button(page, 'told.withdraw').first().click();
  await look(ann, 'camera-withdraw');
  await page.locator('dialog[open]').getByRole('button', { name: w('told.withdraw') }).click();
  await page.getByText(w('told.withdrawn'), { exact: true }).waitFor();

  // A dog is lost.
  await page.goto(site + '/pets/new');
  await page.locator('input[type=file]').setInputFiles(await photo(page));
  await page.getByAltText(w('pets.photo-n', { n: 1 })).waitFor();
  await page.getByLabel(w('pets.animal'), { exact: true }).selectOption('dog');
  await page.getByText(w('pets.brown'), { exact: true }).click();
  await page.getByLabel(w('pets.words')).fill('Biscuit, red collar.');
  await place(page, '39.7502, -89.6501');
  await look(ann, 'pet-new', { whole: true });
  await button(page, 'pets.post').click();
  await page.getByText(w('pets.posted'), { exact: true }).waitFor();
  const mine = await page.locator('.copy code').textContent();

  // A moderator lets it in.
  const mo = await person('moderator', { passkey: true });
  await enrol(mo, moderatorLink);
  await mo.page.goto(site + '/desk/pets');
  await mo.page.getByText('Biscuit, red collar.').waitFor();
  await look(mo, 'pet-queue');
  await button(mo.page, 'pets.approve').click();
  await mo.page.getByText(w('pets.queue-none')).waitFor();

  // A neighbor without JavaScript reads it; one with it tells.
  const still = await person('reader', { javaScriptEnabled: false });
  await still.page.goto(site + '/pets');
  await still.page.getByText('Biscuit, red collar.').waitFor();
  const bea = await person('neighbor', { onPhone: true });
  await bea.page.goto(site + '/pets');
  await look(bea, 'pets', { whole: true });
  await bea.page.getByRole('heading', { name: 'Dog: Brown' }).getByRole('link').click();
  await look(bea, 'pet', { whole: true });
  await bea.page.getByRole('link', { name: w('pets.saw') }).click();
  await bea.page.getByText(w('pets.care'), { exact: true }).waitFor();
  await place(bea.page, '39.7512, -89.6511');
  await bea.page.getByLabel(w('pets.words-saw')).fill('By the creek.');
  await look(bea, 'pet-saw');
  await button(bea.page, 'pets.saw-send').click();
  await bea.page.getByText(w('pets.sent'), { exact: true }).waitFor();
  await bea.page.getByRole('link', { name: w('pets.my-sighting') }).click();

  // She reads it, answers, and found her dog.
  await page.goto('about:blank');
  await page.goto(mine);
  await page.getByText(/By the creek\./).waitFor();
  await page.getByLabel(w('told.write', { them: w('pets.finder') })).fill('Thank you!');
  await button(page, 'told.send').click();
  await look(ann, 'pet-mine', { whole: true });
  await bea.page.reload();
  await bea.page.getByText('Thank you!').waitFor();
  await look(bea, 'pet-sighting');
  await relink(ann, 'pet-relink');
  await page.getByText(/By the creek\./).waitFor();
  await bea.page.reload();
  await bea.page.getByLabel(w('told.write', { them: w('pets.poster') })).fill('Is she back?');
  await button(bea.page, 'told.send').click();
  await page.getByText(/By the creek\./).waitFor();
  await page.reload();
  await page.getByText('Is she back?').waitFor();
  await button(page, 'pets.close').click();
  await page.locator('dialog[open]').getByRole('button', { name: w('pets.close-found'), exact: true }).click();
  await page.getByText(w('pets.over-body')).waitFor();
  await bea.page.goto(site + '/pets');
  await bea.page.getByText(w('pets.none')).waitFor();
  assert.deepEqual(complaints, []);
} catch (e) {
  for (const context of browser.contexts()) for (const page of context.pages()) console.error(page.url(), await page.locator('main').innerText().catch(() => ''));
  throw e;
} finally {
  await browser.close();
}
