// Who may search an agency's plate reads, set in real browsers: an administrator
// previews and signs, by keyboard and on a phone; what the server lets her sign
// is what she chose; an auditor bars an agency; the public page shows it all.
//   node test/sharing.mjs SITE ADMIN_LINK AUDITOR_LINK [SCREENSHOT_DIR]
// web/sharing_browser_test.go starts it. Needs /usr/bin/chromium.
import assert from 'node:assert/strict';
import { openBrowser, press, words } from './lib/browser.mjs';

const [site, adminLink, auditorLink, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);
const w = words();
const settings = () => fetch(`${site}/api/v1/sharing`).then((r) => r.json());
const ours = async () => (await settings()).find((v) => v.owner === 'IL0160000');

async function enrol(p, link) {
  await p.page.goto(link);
  await p.page.getByLabel(/Name of this device/).fill('Key');
  await p.page.getByRole('button', { name: 'Make my passkey' }).click();
  await p.page.getByText('You are enrolled and signed in').waitFor();
  await p.page.goto(site + '/desk/sharing');
}

try {
  const ada = await person('admin', { passkey: true });
  const { page } = ada;
  await enrol(ada, adminLink);
  await page.getByText(w('sharing.never')).waitFor();
  const sign = page.getByRole('button', { name: w('sharing.sign') });
  assert.ok(await sign.isDisabled(), 'nothing was changed');
  await look(ada, 'sharing-none', { whole: true });

  // Named agencies: the preview says whom before anything is signed.
  await page.getByLabel(w('sharing.audience.agencies')).check();
  await page.getByLabel('Elm County Sheriff').check();
  await page.getByLabel('Harlow Police').check();
  await page.getByText(w('sharing.could.other', { n: 2 })).waitFor();
  await page.getByText(w('sharing.added.other', { n: 2 })).waitFor();
  assert.equal((await ours()).setting.audience, 'nobody', 'a preview changes nothing');
  await look(ada, 'sharing-preview', { whole: true });
  await press(page, sign);
  await page.locator('.receipt').first().waitFor();
  await page.locator('strong', { hasText: w('sharing.audience.agencies') }).waitFor(); // the draft begins again with what is in force
  let now = await ours();
  assert.deepEqual([now.setting.audience, now.reaches, now.unproved], ['agencies', ['IL0160100', 'IL0160300'], false]);

  // A wider one, with the difference; then on a phone.
  await page.getByLabel(w('sharing.audience.distance')).check();
  await page.getByText(w('sharing.could.other', { n: 3 })).waitFor();
  await page.getByText(w('sharing.added.one', { n: 1 })).waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await look(ada, 'sharing-phone', { whole: true });
  await page.setViewportSize({ width: 1280, height: 900 });

  // A server that lets her sign something wider than she chose is found out.
  await page.route('**/api/v1/sharing', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    await route.continue({ postData: JSON.stringify({ audience: 'exchange' }) });
  });
  await press(page, sign);
  await page.getByText(w('people.mismatch')).waitFor();
  await page.unroute('**/api/v1/sharing');
  now = await ours();
  assert.equal(now.setting.audience, 'agencies', 'nothing was signed');
  await press(page, sign);
  await page.getByText(w('sharing.within', { km: 50 })).waitFor();
  assert.equal((await ours()).setting.km, 50);
  await look(ada, 'sharing-set', { whole: true });

  // An auditor bars an agency, on her phone.
  const audrey = await person('auditor', { passkey: true, onPhone: true });
  await enrol(audrey, auditorLink);
  await audrey.page.getByText(w('sharing.bars-none')).waitFor();
  await audrey.page.getByLabel(w('sharing.agency'), { exact: true }).selectOption('IL0160300');
  await audrey.page.getByLabel(w('sharing.state'), { exact: false }).fill('IL');
  await audrey.page.getByLabel(w('sharing.reason')).fill('Searched for a neighbor.');
  await audrey.page.getByRole('button', { name: w('sharing.restrict') }).tap();
  await audrey.page.getByText(w('sharing.bar', { agency: 'Harlow Police', state: 'IL' })).waitFor();
  await look(audrey, 'sharing-auditor', { whole: true });

  // Everybody sees it, with or without JavaScript.
  const plain = await person('plain', { javaScriptEnabled: false });
  await plain.page.goto(`${site}/agencies/IL0160000`);
  await plain.page.getByRole('heading', { name: w('plate.page.sharing') }).waitFor();
  const reader = await person('reader');
  await reader.page.goto(`${site}/agencies/IL0160000`);
  await look(reader, 'agency-plates', { whole: true });
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
