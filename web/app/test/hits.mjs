// An investigator keeps lists and works hits, a driver asks for correction, in
// real browsers:
//   node test/hits.mjs SITE ENROL_LINK ROAD [SCREENSHOT_DIR]
// web/hits_browser_test.go starts it; ROAD?plate=X drives past a camera.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { openBrowser, words } from './lib/browser.mjs';

const [site, link, road, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);
const t = words('en');
const drive = async (plate) => assert.equal((await fetch(`${road}?plate=${plate}`)).status, 200);

try {
  // A driver begins to write while the others are at work: a form takes a person some seconds.
  const driver = await person('driver', { onPhone: true, javaScriptEnabled: false });
  await driver.page.goto('/correction');
  const began = Date.now();

  const inez = await person('inez', { passkey: true });
  const { page } = inez;
  await page.goto(link);
  await page.getByLabel(/Name of this device/).fill('Blue key');
  await page.getByRole('button', { name: 'Make my passkey' }).click();
  await page.getByText('You are enrolled and signed in').waitFor();

  await page.goto(site + '/desk/lists');
  await page.getByText(t('lists.none')).waitFor();
  await look(inez, 'lists-none');
  await page.getByRole('button', { name: t('lists.create'), exact: true }).click();
  await page.getByLabel(t('lists.name')).fill('Stolen in Elm County');
  await page.getByRole('button', { name: t('lists.create-sign') }).click();
  await page.getByRole('heading', { name: 'Stolen in Elm County' }).waitFor();
  await page.getByRole('button', { name: t('lists.add'), exact: true }).click();
  await page.getByLabel(t('lists.plate'), { exact: true }).fill('abc 1o3');
  await page.getByText(t('lists.loose')).click();
  await page.getByLabel(t('lists.basis')).fill('Report of theft by the owner');
  await page.getByLabel(t('lists.case')).fill('26-004711');
  await page.getByLabel(t('lists.color')).fill('silver');
  await look(inez, 'lists-add');
  await page.getByRole('button', { name: t('lists.add-sign') }).click();
  await page.getByText(t('lists.added')).waitFor();

  // The preview says what would change, and why rows are set aside; immigration is left out.
  await page.getByRole('button', { name: t('lists.import'), exact: true }).click();
  const choose = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: t('lists.choose-file') }).click();
  await (await choose).setFiles({
    name: 'state.csv', mimeType: 'text/csv',
    buffer: Buffer.from('plate,state,reason,case,basis\nABC1O3~,,stolen vehicle,26-004711,Report of theft by the owner\nXYZ789,IL,wanted,26-5,Felony warrant of the county court\nQQQ111,IL,wanted,26-6,ICE detainer\n???,,,,\n'),
  });
  await page.getByText(t('lists.diff-line', { added: 2, removed: 0, changed: 1, same: 0 })).waitFor();
  await page.getByText(/Line 5/).waitFor();
  await look(inez, 'lists-preview');
  await page.getByText(t('lists.leave-out', { purpose: t('plate-purpose.immigration'), n: 1 })).click();
  await page.getByText(t('lists.diff-line', { added: 1, removed: 0, changed: 1, same: 0 })).waitFor();
  await page.getByRole('button', { name: t('lists.import-sign') }).click();
  await page.getByText(t('lists.imported')).waitFor();
  await page.getByText('XYZ789').first().waitFor();
  await look(inez, 'lists', { whole: true });

  // A hit comes while she looks; one that comes again is the same.
  await page.goto(site + '/desk/hits');
  await page.getByText(t('hits.none')).waitFor();
  await page.getByText(t('hits.live')).waitFor();
  await look(inez, 'hits-none');
  const sent = Date.now();
  await drive('ABC103'); // 0 for O: one confusion
  await page.getByRole('heading', { name: 'ABC103' }).waitFor();
  console.log(`alert on the page after ${Date.now() - sent} ms`);
  await drive('ABC103');
  await page.getByRole('heading', { name: t('hits.reads.other', { n: 2 }) }).waitFor();
  await drive('XYZ789');
  const queue = page.getByRole('list', { name: t('hits.title') }).getByRole('button');
  await queue.nth(1).waitFor();
  assert.match(await queue.first().textContent(), /XYZ789/);
  await page.getByText(t('hits.confused', { plate: 'ABC1O3' })).or(page.getByRole('heading', { name: 'XYZ789' })).first().waitFor();
  await look(inez, 'hits', { whole: true });

  // By keyboard: down to the first, confirm without a picture is refused without words, then done; acted upon.
  await page.locator('body').press('Escape');
  await page.evaluate(() => document.activeElement?.blur());
  const at = async (plate) => page.getByRole('heading', { name: plate }).waitFor();
  await page.keyboard.press('k');
  await at('XYZ789');
  await page.keyboard.press('j');
  await at('ABC103');
  await page.getByText(t('hits.doubt')).waitFor();
  await page.keyboard.press('c');
  await page.getByText(/without having looked at its picture/).waitFor();
  await look(inez, 'hits-refused');
  await page.getByLabel(t('hits.note')).fill('Read by the patrol at the light');
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('c');
  await page.getByText(t('hits.unseen')).waitFor();
  await page.keyboard.press('a');
  await page.locator('article').getByText(t('hits.acted'), { exact: true }).waitFor();
  await page.keyboard.press('k');
  await at('XYZ789');
  await page.keyboard.press('m');
  await page.locator('article').getByText(t('hit-outcome.misread')).first().waitFor();
  await look(inez, 'hits-resolved');
  await page.getByRole('tab', { name: t('hits.past') }).click();
  await queue.nth(1).waitFor();

  // The driver, whose browser runs no scripts, sends her request and gets a ticket; the agency answers; she reads it.
  const d = driver.page;
  const photograph = (what) => shots && d.screenshot({ path: join(shots, `${what}-390.png`), fullPage: true });
  await photograph('correction');
  await d.getByLabel(t('correction.what')).fill('I was stopped for a car that is not mine.');
  await d.getByLabel(t('correction.agency')).selectOption({ label: 'Millbrook Police' });
  await d.getByLabel(t('correction.plate')).fill('XYZ 789');
  await wait(Math.max(0, 4500 - (Date.now() - began)));
  await d.getByRole('button', { name: t('correction.send') }).click();
  await d.getByText(t('correction.taken')).waitFor();
  await photograph('ticket');
  await page.goto(site + '/desk/lists');
  await page.getByText('I was stopped for a car that is not mine.').waitFor();
  await page.getByLabel(t('corrections.words')).fill('The camera misread your plate. We have told its owner.');
  await look(inez, 'corrections');
  await page.getByRole('button', { name: t('corrections.answer') }).click();
  await page.getByText(t('corrections.answered')).waitFor();
  await d.reload();
  await d.getByText('The camera misread your plate.').waitFor();
  await photograph('ticket-answered');

  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
