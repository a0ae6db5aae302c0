// A household answers a request of an agency, in a real browser:
//   node test/asked.mjs SITE PAIRING_LINK AGENCY OTHER_AGENCY [SCREENSHOT_DIR]
// home/node/browser_test.go starts it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openBrowser, words } from './lib/browser.mjs';

const [site, link, agency, other, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);
const shared = words('en');
const home = JSON.parse(readFileSync(new URL('../../messages/home/en.json', import.meta.url), 'utf8'));
const t = (key, params = {}) => (key in home ? home[key].replace(/\{(\w+)\}/g, (all, name) => params[name] ?? all) : shared(key, params));

try {
  const ana = await person('asked', { onPhone: true });
  const { page, context } = ana;
  page.setDefaultTimeout(30_000);
  const button = (key, params) => page.getByRole('button', { name: t(key, params), exact: true });
  const api = (path) => context.request.get(`/api/v1${path}`).then((r) => r.json());
  await page.goto(link);
  await page.getByLabel(t('home.pair-name')).fill('Ana’s phone');
  await button('home.pair-do').tap();
  await page.getByRole('heading', { name: t('home.live'), level: 1 }).waitFor();

  // Two agencies ask; the house has looked through its footage by itself.
  await page.getByRole('link', { name: t('home.requests') }).first().tap();
  await page.getByText(t('home.request-moments.one', { n: 1 })).first().waitFor();
  await look(ana, 'asked-requests', { whole: true });

  // The second is not for this house, and gone.
  const card = (name) => page.locator('a.card', { hasText: name });
  await card(other).tap();
  await button('home.dismiss').tap();
  await card(agency).waitFor();
  assert.equal(await card(other).isVisible(), false);
  await page.getByText(t('home.requests-past.one', { n: 1 })).tap();
  await card(other).waitFor();

  // The first: where, which camera, what it saw.
  await card(agency).tap();
  await page.getByRole('heading', { name: t('home.request-of', { agency }), level: 1 }).waitFor();
  await page.locator('.pictures').scrollIntoViewIfNeeded(); // pictures come as they come into sight
  await page.locator('.pictures img').first().waitFor();
  await look(ana, 'asked-request', { whole: true });
  await button('home.answer-begin').tap();

  // Faces and plates are looked for, and the very file is made, without being asked.
  const film = page.locator('video.preview');
  await film.waitFor();
  await page.waitForFunction(() => document.querySelector('video.preview').readyState > 0);
  await look(ana, 'asked-draft', { whole: true });
  const id = new URL(page.url()).pathname.split('/')[2];
  const [found] = (await api(`/answers/${id}`)).clips;
  assert(found.edits.blur.length > 0, 'somebody’s face was found');

  // Cut and muted; one box more.
  await button('home.review').tap();
  const editor = page.locator('dialog[open]');
  await page.waitForFunction(() => document.querySelector('dialog[open] video')?.readyState > 1);
  await look(ana, 'asked-editor', { whole: true });
  const range = (name) => editor.getByRole('slider', { name });
  await range(/^From/).first().fill('2');
  await range(/^To/).first().fill('8');
  await editor.getByLabel(t('answer.mute')).tap();
  await editor.getByRole('button', { name: t('answer.cover-add') }).tap();
  await look(ana, 'asked-editor-cut');
  await button('home.apply').tap();
  await editor.waitFor({ state: 'detached' });
  await page.getByText(t('answer.is-muted')).waitFor();
  await page.waitForFunction(() => document.querySelector('video.preview')?.duration < 9);

  // What she watches is what is sent, byte for byte.
  const draft = await api(`/answers/${id}`);
  const seen = await context.request.get(`/api/v1/answers/${id}/clips/${found.id}/preview`).then((r) => r.body());
  assert.equal(createHash('sha256').update(seen).digest('hex'), draft.clips[0].preview.sha256);
  await button('home.continue').tap();

  // Who she is to them; the sentences follow.
  await page.getByLabel(t('answer.identity-address')).check();
  await page.getByLabel(t('answer.address')).fill('Elm Street 12');
  await page.getByText(t('answer.consent-address', { agency })).waitFor();
  await page.getByLabel(t('answer.message')).fill('The dog barked at him.');
  await look(ana, 'asked-agree', { whole: true });
  await button('home.share.one', { n: 1 }).tap();
  await page.getByText(t('home.sent-title', { agency })).waitFor();
  await look(ana, 'asked-sent', { whole: true });

  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
