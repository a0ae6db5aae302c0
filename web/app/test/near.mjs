// What a house does with its neighbors, in a real browser: a lost pet, an agency that is told of a camera, and what leaves the house.
//   node test/near.mjs SITE PAIRING_LINK CAMERA AGENCY OTHER_AGENCY STAGE [SCREENSHOT_DIR]
// home/node/neighbors_test.go starts it; STAGE has things happen outside the browser.
import assert from 'node:assert/strict';
import { openHouse, walk } from './lib/home.mjs';

const [site, link, camera, agency, other, stage, shots] = process.argv.slice(2);
const opened = await openHouse(site, link, shots);
const { t, enter, look } = opened;

await walk(opened, async () => {
  const ana = await enter('near', 'Ana’s phone');
  const { page, button, text, toggle, dialog, card, api } = ana;
  const happen = async (what) => {
    const res = await fetch(`${stage}/${what}`, { method: 'POST' });
    assert.equal(res.status, 200, `${what}: ${await res.text()}`);
  };

  // A dog is missed. Nothing is read before the household joins.
  await page.goto('/pets');
  await toggle('home.pets-switch').waitFor();
  await look(ana, 'near-pets-off', { whole: true });
  await toggle('home.pets-switch').tap();
  await page.locator('[role=switch][aria-checked=true]').waitFor();
  await text('home.pets-none').waitFor();
  await happen('round');
  await text('home.pet-found.other', { n: 2 }).waitFor();
  const found = card('Biscuit').locator('li', { has: button('home.pet-no') });
  await found.nth(1).locator('img').scrollIntoViewIfNeeded();
  await page.waitForFunction(() => [...document.querySelectorAll('.pictures img')].every((i) => i.complete && i.naturalWidth > 0));
  await look(ana, 'near-pets-found', { whole: true });

  // One is not her; the other may be.
  await found.first().getByRole('button', { name: t('home.pet-no') }).tap();
  await text('home.pet-found.one', { n: 1 }).waitFor();
  await found.first().getByRole('button', { name: t('home.pet-send') }).tap();
  await dialog.getByLabel(t('home.pet-place')).selectOption('500m');
  await dialog.getByLabel(t('home.pet-words')).fill('By the fence.');
  await look(ana, 'near-pets-send');
  await button('home.pet-send-do').tap();
  await text('home.pet-sent').waitFor();
  await happen('thank');
  await button('home.pet-letters').tap();
  await page.getByText('Thank you, that is her!', { exact: true }).waitFor();
  await page.getByLabel(t('home.write-to', { other: t('home.pet-neighbor') })).fill('I am glad.');
  await button('answer.write-send').tap();
  await page.getByText('I am glad.', { exact: true }).waitFor();
  await look(ana, 'near-pets-sent', { whole: true });
  await happen('found');
  await text('home.pet-over').waitFor();
  await text('home.pets-none').waitFor();
  await page.getByText(t('home.pet-runs')).tap();
  await look(ana, 'near-pets-over', { whole: true });

  // An agency is told that the camera exists, roughly.
  await page.goto(`/cameras/${camera}`);
  await text('home.tell-none').waitFor();
  await page.locator('.film img').first().waitFor();
  await look(ana, 'near-camera', { whole: true });
  await button('home.tell').tap();
  await dialog.getByLabel(t('home.tell-agency')).selectOption({ label: agency });
  await dialog.getByLabel(t('home.films-street')).check();
  await dialog.getByLabel(t('home.films-driveway')).check();
  await dialog.getByLabel(t('home.tell-contact')).fill('Ana, 555-0100');
  await look(ana, 'near-tell');
  await dialog.getByRole('button', { name: t('home.tell'), exact: true }).tap();
  await text('home.told').waitFor();
  const told = page.getByRole('region', { name: agency });
  await button('home.tell-looks').tap();
  await text('home.tell-nobody').waitFor();

  // An officer looks, and the household sees it; it changes what it told, and asks.
  await happen('look');
  await button('home.tell-looks').tap();
  await told.getByText(t('home.role-investigator')).waitFor();
  await button('home.tell-change').tap();
  await dialog.getByLabel(t('home.pet-place')).selectOption('500m');
  await dialog.getByLabel(t('home.films-driveway')).uncheck();
  await button('home.save').last().tap();
  await told.getByText(t('home.rounding-500m')).waitFor();
  await told.getByLabel(t('home.write-to', { other: agency })).fill('What is it about?');
  await told.getByRole('button', { name: t('answer.write-send') }).tap();
  await told.getByText('What is it about?', { exact: true }).waitFor();
  await look(ana, 'near-told', { whole: true });
  const address = () => told.locator('.copy code').textContent();
  const old = await address();
  await button('home.relink').tap();
  await look(ana, 'near-relink');
  await dialog.getByRole('button', { name: t('home.relink'), exact: true }).tap();
  await text('home.relinked').waitFor();
  await told.getByText('What is it about?', { exact: true }).waitFor();
  assert.notEqual(await address(), old);
  await button('home.tell-withdraw').tap();
  await look(ana, 'near-untell');
  await dialog.getByRole('button', { name: t('home.tell-withdraw'), exact: true }).tap();
  await text('home.untold').waitFor();
  await text('home.tell-none').waitFor();
  assert.deepEqual(await api('/register'), []);

  // What leaves the house, in plain words; a switch changes it at once.
  await page.goto('/privacy');
  const exchange = new URL((await api('/privacy')).exchange).host;
  await text('home.leaves-ask', { exchange }).waitFor();
  await text('home.leaves-pets', { exchange }).waitFor();
  await look(ana, 'near-privacy', { whole: true });
  const pets = page.getByLabel(t('home.notice.mail.pet'));
  await pets.uncheck();
  await button('home.save').tap();
  await text('home.saved').waitFor();
  await page.reload();
  await pets.waitFor();
  assert(!(await pets.isChecked()), 'what she does not want to hear of stays unsaid');
  assert(await page.getByLabel(t('home.notice.mail.message')).isChecked());
  await toggle('home.switch-ask').tap();
  await text('home.leaves-ask', { exchange }).waitFor({ state: 'detached' });
  await toggle('home.pets-switch').tap();
  await text('home.leaves-nothing').waitFor();
  await look(ana, 'near-privacy-off', { whole: true });
  await toggle('home.switch-ask').tap();
  await text('home.leaves-ask', { exchange }).waitFor();
  assert.equal((await api('/pets')).on, false);
});
