// A household answers a request of an agency, follows what it sent and takes it back, in a real browser:
//   node test/asked.mjs SITE PAIRING_LINK AGENCY OTHER_AGENCY RECEIPT_DIR [SCREENSHOT_DIR]
// home/node/browser_test.go starts it, and verifies the receipts that it leaves.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openHouse, walk } from './lib/home.mjs';

const [site, link, agency, other, receipts, shots] = process.argv.slice(2);
const opened = await openHouse(site, link, shots);
const { t, enter, look } = opened;

await walk(opened, async () => {
  const ana = await enter('asked', 'Ana’s phone');
  const { page, context, button, heading, text, dialog, card, api } = ana;
  const tab = (key) => page.getByRole('navigation').getByRole('link', { name: t(key) });

  // Two agencies ask; the house has looked through its footage by itself.
  await tab('home.requests').getByText(t('home.news.other', { n: 2 })).waitFor();
  await tab('home.requests').tap();
  await text('home.request-moments.one', { n: 1 }).first().waitFor();
  await look(ana, 'asked-requests', { whole: true });

  // The second is not for this house, and gone.
  await card(other).tap();
  await button('home.dismiss').tap();
  await card(agency).waitFor();
  assert.equal(await card(other).isVisible(), false);
  await text('home.requests-past.one', { n: 1 }).tap();
  await card(other).waitFor();
  await tab('home.requests').getByText(t('home.news.one', { n: 1 })).waitFor();

  // The first: where, which camera, what it saw.
  await card(agency).tap();
  await heading('home.request-of', { agency }).waitFor();
  await page.locator('.pictures').scrollIntoViewIfNeeded(); // pictures come as they come into sight
  await page.locator('.pictures img').first().waitFor();
  await tab('home.requests').locator('.dot').waitFor({ state: 'detached' });
  await look(ana, 'asked-request', { whole: true });
  await button('home.answer-begin').tap();

  // Faces and plates are looked for, and the very file is made, without being asked; the page says how far it is.
  await page.getByRole('progressbar').or(page.locator('video.preview')).first().waitFor();
  if (await page.getByRole('progressbar').count()) await look(ana, 'asked-preparing');
  await page.locator('video.preview').waitFor();
  await page.waitForFunction(() => document.querySelector('video.preview').readyState > 0);
  await look(ana, 'asked-draft', { whole: true });
  const id = new URL(page.url()).pathname.split('/')[2];
  const [found] = (await api(`/answers/${id}`)).clips;
  assert(found.edits.blur.length > 0, 'somebody’s face was found');

  // Cut and muted; one box more.
  await button('home.review').tap();
  await page.waitForFunction(() => document.querySelector('dialog[open] video')?.readyState > 1);
  await look(ana, 'asked-editor', { whole: true });
  const range = (name) => dialog.getByRole('slider', { name });
  await range(/^From/).first().fill('2');
  await range(/^To/).first().fill('8');
  await dialog.getByLabel(t('answer.mute')).tap();
  await dialog.getByRole('button', { name: t('answer.cover-add') }).tap();
  await look(ana, 'asked-editor-cut');
  await button('home.apply').tap();
  await dialog.waitFor({ state: 'detached' });
  await text('answer.is-muted').waitFor();
  await page.waitForFunction(() => document.querySelector('video.preview')?.duration < 9);

  // What she watches is what is sent, byte for byte.
  const draft = await api(`/answers/${id}`);
  const seen = await context.request.get(`/api/v1/answers/${id}/clips/${found.id}/preview`).then((r) => r.body());
  assert.equal(createHash('sha256').update(seen).digest('hex'), draft.clips[0].preview.sha256);
  await button('home.continue').tap();

  // Who she is to them; the sentences follow.
  await page.getByLabel(t('answer.identity-address')).check();
  await page.getByLabel(t('answer.address')).fill('Elm Street 12');
  await text('answer.consent-address', { agency }).waitFor();
  await page.getByLabel(t('answer.message')).fill('The dog barked at him.');
  await look(ana, 'asked-agree', { whole: true });
  await button('home.share.one', { n: 1 }).tap();
  await text('home.sent-title', { agency }).waitFor();
  await look(ana, 'asked-sent', { whole: true });

  /** Keeps the receipt of an event on the page. */
  async function keep(event, as) {
    const row = page.locator('.events li', { hasText: t(event) });
    const [file] = await Promise.all([page.waitForEvent('download'), row.getByRole('button', { name: t('answer.prove') }).tap()]);
    await file.saveAs(join(receipts, as));
  }
  await keep('answer.event.submission.share', 'share');

  // A word to the agency.
  await page.getByLabel(t('home.write-to', { other: agency })).fill('Tell me what came of it.');
  await button('answer.write-send').tap();
  await page.getByText('Tell me what came of it.', { exact: true }).waitFor();

  // The clip is taken back: at once it says so, and proves it.
  await button('answer.withdraw').tap();
  await text('answer.withdraw-now').waitFor();
  await look(ana, 'asked-withdraw');
  await button('answer.withdraw-sure').tap();
  await text('home.withdrawn').waitFor();
  await text('home.destroyed-withdrawn').waitFor();
  await text('home.gone-title', { agency }).waitFor();
  assert.equal(await button('answer.withdraw').count(), 0);
  await keep('answer.event.submission.withdraw', 'withdraw');
  await keep('answer.event.item.destroy.withdrawn', 'destroy');
  await look(ana, 'asked-withdrawn', { whole: true });

  // The list of answers and the request tell the same.
  await tab('home.answers').tap();
  await card(agency).getByText(t('home.state-gone'), { exact: true }).waitFor();
  await look(ana, 'asked-answers', { whole: true });
  await tab('home.requests').tap();
  await card(agency).getByText(t('home.request-shared'), { exact: true }).waitFor();
  await card(agency).tap();
  await page.getByText(t('home.answer-gone')).waitFor();
});
