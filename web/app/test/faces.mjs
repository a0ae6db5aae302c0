// Familiar Faces in a real browser: switched on, somebody who agreed, seen at the door, shown to herself, erased, refused by law.
//   node test/faces.mjs SITE PAIRING_LINK PICTURE HOME_ASSISTANT STAGE [SCREENSHOT_DIR]
// home/node/neighbors_test.go starts it; STAGE has things happen outside the browser.
import assert from 'node:assert/strict';
import { openHouse, walk } from './lib/home.mjs';

const [site, link, picture, assistant, stage, shots] = process.argv.slice(2);
const opened = await openHouse(site, link, shots);
const { t, enter, stranger, look } = opened;

await walk(opened, async () => {
  const ana = await enter('faces', 'Ana’s phone');
  const { page, button, heading, text, toggle, dialog, card, api } = ana;
  const place = async (code, city) => {
    await page.getByLabel(t('home.faces-code'), { exact: true }).fill(code);
    await page.getByLabel(t('home.faces-city')).fill(city);
    await button('home.save').tap();
  };

  // Notices go to Home Assistant.
  await page.goto('/privacy');
  await page.getByLabel(t('home.webhook')).fill(assistant);
  await button('home.save').tap();
  await button('home.try').tap();
  await text('home.tried').waitFor();
  await look(ana, 'faces-privacy', { whole: true });

  // Off, and it cannot be switched on before the house has said where it is.
  await page.goto('/house');
  await page.getByRole('link', { name: t('home.faces') }).tap();
  await text('home.faces-none').waitFor();
  assert(await toggle('home.faces-switch').isDisabled());
  await look(ana, 'faces-off', { whole: true });
  await place('US-IN', 'Indianapolis');
  await page.locator('[role=switch]:enabled').waitFor();
  await toggle('home.faces-switch').tap();
  await page.locator('[role=switch][aria-checked=true]').waitFor();

  // Sam agrees.
  await button('home.faces-add').tap();
  await dialog.getByLabel(t('home.faces-name'), { exact: true }).fill('Sam');
  const add = dialog.getByRole('button', { name: t('home.faces-add-do'), exact: true });
  await dialog.locator('input[type=file]').setInputFiles(picture);
  assert(await add.isDisabled(), 'nobody is added who did not agree');
  await dialog.getByLabel(t('home.faces-tick', { name: 'Sam' })).check();
  await look(ana, 'faces-add');
  await add.tap();
  await text('home.faces-link-body').waitFor();
  const hers = (await dialog.locator('code').textContent()).trim();
  await look(ana, 'faces-link');
  await dialog.getByRole('button', { name: t('ui.close') }).tap();
  await heading('home.faces').waitFor();
  await card('Sam').waitFor();
  await card('Sam').getByText(t('home.faces-words')).tap();
  await look(ana, 'faces-on', { whole: true });

  // Somebody rings.
  assert.equal((await fetch(`${stage}/ring`, { method: 'POST' })).status, 200);
  await page.goto('/timeline');
  const moment = page.locator('.moments button', { hasText: 'Sam' });
  await moment.waitFor();
  await moment.locator('img').waitFor();
  await look(ana, 'faces-seen', { whole: true });

  // Sam, at another telephone, sees what is kept of Sam, and erases it.
  const sam = await stranger('faces-sam');
  await sam.page.goto(hers);
  await sam.text('home.me-likeness.one', { n: 1 }).waitFor();
  await look(sam, 'faces-me', { whole: true });
  await sam.button('home.me-erase').tap();
  await sam.dialog.getByRole('button', { name: t('home.me-erase'), exact: true }).tap();
  await sam.text('home.me-erased').waitFor();
  await look(sam, 'faces-me-erased');
  await sam.page.reload();
  await sam.text('home.me-none').waitFor();
  await moment.waitFor({ state: 'detached' });
  assert.deepEqual((await api('/faces')).people, []);

  // Where the law forbids it.
  await page.goto('/faces');
  await text('home.faces-none').waitFor();
  await place('US-IL', 'Springfield');
  await text('home.faces-refused').waitFor();
  await page.getByText('740 ILCS 14/15(b)').waitFor();
  assert(await toggle('home.faces-switch').isDisabled());
  assert.equal((await api('/faces')).on, false);
  await look(ana, 'faces-refused', { whole: true });
});
