// The whole story in real browsers: an exchange is founded, police ask, residents
// answer from their phones, a custodian keeps, shares and exports, an auditor
// looks over her shoulder, and anybody checks it all.
//   npm run story
// STORY_QUICK=1 leaves out pictures and axe, to work on the story itself.
// Plays with the finished ../../bin/porchlight (make build) and its witness.
// Needs ffmpeg and /usr/bin/chromium. PORCHLIGHT_SHOTS=folder keeps a picture of each page.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser, press, tabTo, type, words } from './lib/browser.mjs';
import { build, openExchange, town } from './lib/exchange.mjs';

const began = performance.now();
const t = words();
const place = town();
const dir = mkdtempSync(join(tmpdir(), 'porchlight-story-'));
const x = await openExchange(dir, Number(process.env.STORY_PORT ?? 21800), place);
const { browser, person, look, settled, complaints, shots, cutting } = await openBrowser(x.site, process.env.PORCHLIGHT_SHOTS);

const city = { ori: 'IL1030100', name: 'Maple Grove Police Department', kind: 'municipal', admin: 'Ada Admin', area: place.city };
const county = { ori: 'IL1030000', name: 'Prairie County Sheriff’s Office', kind: 'county', admin: 'Sam Sheriff', area: JSON.parse(readFileSync(place.county, 'utf8')) };
const federal = { ori: 'ILFEO0500', name: 'Federal Enforcement Office', kind: 'federal', admin: 'Fay Federal', area: county.area };
const home = { lat: 40.6641, lng: -88.2862 }; // a resident's, inside the area asked about
const block = '40.6625, -88.2885\n40.6625, -88.2835\n40.6660, -88.2835\n40.6660, -88.2885';
const say = (...line) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s `, ...line);
const button = (page, key, params) => page.getByRole('button', { name: t(key, params), exact: true });
const dialog = (page) => page.locator('dialog[open]');
const get = (path, headers) => fetch(x.site + path, { headers });

// ---- the people

const staff = {};
async function enrol(name, link, { whole = false } = {}) {
  const p = (staff[name] = await person(name, { passkey: true }));
  await p.page.goto(link);
  await p.page.getByLabel(t('people.device-label')).fill(`${name}’s key`);
  if (whole) await look(p, 'enrol', { whole });
  await button(p.page, 'people.enrol-make').click();
  await p.page.getByText(t('people.enrol-done')).waitFor();
  return p;
}

const invitation = async (page) => (await page.getByRole('group', { name: t('people.invitation-link') }).locator('code').textContent()).trim();

async function invite(by, name, role) {
  await by.page.goto('/desk/people');
  await by.page.getByLabel(t('people.name'), { exact: true }).fill(name);
  await by.page.getByLabel(t('people.role-label'), { exact: true }).selectOption(role);
  await button(by.page, 'people.invite-do').click();
  await by.page.getByRole('heading', { name: t('people.invited', { name }) }).waitFor();
  return invitation(by.page);
}

/** A further role for somebody who is there. */
async function further(by, name, role) {
  await by.page.goto('/desk/people');
  await by.page.getByLabel(t('people.whom'), { exact: true }).selectOption({ label: name });
  await by.page.getByLabel(t('people.role-label'), { exact: true }).selectOption(role);
  await button(by.page, 'people.invite-do').click();
  await by.page.getByRole('heading', { name: t('people.invited', { name }) }).waitFor();
}

async function inviteAgency(op, a, { whole = false } = {}) {
  const { page } = op;
  await page.goto('/desk/agencies');
  await page.getByLabel(t('people.agency-name')).fill(a.name);
  await page.getByLabel(t('people.ori')).fill(a.ori);
  await page.getByLabel(t('people.kind')).selectOption(a.kind);
  await page.getByLabel(t('people.state'), { exact: true }).fill('IL');
  await page.getByLabel(t('people.contact')).fill('desk@agency.example');
  await page.getByLabel(t('people.first-admin')).fill(a.admin);
  await page.getByText(t('map.by-text')).click();
  await page.getByLabel(t('map.coordinates')).fill(JSON.stringify(a.area));
  await button(page, 'map.coordinates-use').click();
  if (whole) await look(op, 'agencies-invite', { whole });
  await button(page, 'people.invite-do').click();
  const link = await invitation(page);
  await look(op, 'agency-invited');
  const admin = await enrol(a.admin.split(' ')[0], link);
  await admin.page.getByRole('link', { name: t('people.next') }).click();
  await admin.page.getByLabel(t('people.contact')).fill('desk@agency.example');
  await button(admin.page, 'people.join-do').click();
  await button(admin.page, 'people.join-do').waitFor({ state: 'detached' });
  return admin;
}

async function publishVault(p, pictures) {
  const { page } = p;
  await page.goto('/desk/vault');
  await button(page, 'people.vault-make').click();
  const secret = await page.locator('.secret').textContent();
  if (pictures) await look(p, 'recovery-key', { whole: true });
  await page.getByLabel(t('people.recovery-kept')).check();
  await page.getByLabel(t('people.recovery-again')).fill(secret.replace(/\s/g, '').slice(-5));
  await button(page, 'people.publish').click();
  await page.getByText(t('people.opens')).first().waitFor();
  if (pictures) await look(p, 'vault');
}

async function enrolEverybody() {
  const op = await enrol('Op', x.operatorLink, { whole: true });
  await look(op, 'enrolled');
  await op.page.goto('/desk');
  await look(op, 'desk', { whole: true });
  const ada = await inviteAgency(op, city, { whole: true });
  const sam = await inviteAgency(op, county);
  const fay = await inviteAgency(op, federal);
  await enrol('Mo', await invite(op, 'Mo Moderator', 'moderator'));
  await enrol('Olga', await invite(op, 'Olga Auditor', 'auditor'));
  await look(op, 'people-of-exchange');
  await further(sam, county.admin, 'custodian');
  await further(fay, federal.admin, 'requester');
  await enrol('Rick', await invite(ada, 'Rick Requester', 'requester'));
  const cara = await enrol('Cara', await invite(ada, 'Cara Custodian', 'custodian'));
  const carlLink = await invite(ada, 'Carl Custodian', 'custodian');
  await look(ada, 'people', { whole: true });
  await publishVault(cara, true);
  await publishVault(sam);

  // A second custodian: the first compares the numbers on both screens and opens the vault for him.
  const carl = await enrol('Carl', carlLink);
  const numbers = await carl.page.locator('p.mono.lead').textContent();
  await cara.page.goto('/desk/vault');
  await button(cara.page, 'people.grant').click();
  assert.equal(await dialog(cara.page).locator('p.mono.lead').textContent(), numbers, 'both screens show the same numbers');
  await look(cara, 'vault-grant');
  await dialog(cara.page).getByLabel(t('people.grant-compared', { name: 'Carl Custodian' })).check();
  await button(dialog(cara.page), 'people.grant').click();
  await cara.page.getByText(t('people.granted', { name: 'Carl Custodian' })).waitFor();
}

// ---- the request

const evening = new Date(Date.now() - 2 * 86_400_000);
const [year, month, day] = [evening.getFullYear(), evening.getMonth() + 1, evening.getDate()].map((n) => String(n).padStart(2, '0'));

async function describe(page, { number, narrative }) {
  await page.getByRole('combobox', { name: t('ask.incident') }).selectOption('vehicle-break-in');
  await page.getByLabel(t('ask.case'), { exact: true }).fill(number);
  await page.getByLabel(t('ask.narrative')).fill(narrative);
  await page.getByLabel(t('ask.from'), { exact: true }).fill(`${year}-${month}-${day}T16:30`);
  await page.getByLabel(t('ask.to'), { exact: true }).fill(`${year}-${month}-${day}T18:00`);
  await page.getByLabel(t('ask.contact')).fill('555-0100, Officer Requester');
}

async function typeArea(page, corners) {
  const text = page.getByLabel(t('map.coordinates'));
  if (!(await text.isVisible())) await page.getByText(t('map.by-text')).click();
  await text.fill(corners);
  await button(page, 'map.coordinates-use').click();
}

async function drawRectangle(page, half) {
  await button(page, 'map.draw-rectangle').click();
  const map = page.locator('.map').first();
  await map.scrollIntoViewIfNeeded();
  const { width, height } = await map.boundingBox();
  await map.click({ position: { x: width / 2 - half, y: height / 2 - half } });
  await map.hover({ position: { x: width / 2, y: height / 2 } });
  await map.click({ position: { x: width / 2 + half, y: height / 2 + half } });
  await page.locator('.readout strong').first().waitFor();
}

/** Posts what is described and must be refused: by which rule, said in words, with a receipt. */
async function refused(p, rule, what) {
  const { page } = p;
  await button(page, 'ask.preview').click();
  await button(page, 'ask.post').click();
  await page.getByText(t('ui.refused')).waitFor();
  const said = page.locator('.rule').filter({ has: page.locator('code', { hasText: rule }) });
  assert.match(await said.innerText(), /\w+ .*\..*\n.*Porchlight promise|Porchlight promise/s, `${what}: the rule in words and its source`);
  assert.match(await page.locator('.receipt pre').textContent(), /^porchlight-receipt\/v1\n/, `${what}: a receipt`);
  await look(p, `refused-${what}`);
  await button(page, 'ask.back').click();
}

async function askNeighbors() {
  const { Rick: rick, Fay: fay, Mo: mo } = staff;
  const { page } = rick;
  await page.goto('/desk/requests/new');
  await settled(page);
  await drawRectangle(page, 190);
  await describe(page, { number: 'MG-2026-04417', narrative: 'Parked cars were searched on and around Elm Street. We look for a person in a gray hood and a dark sedan.' });
  await page.getByText(t('ask.area-large')).waitFor();
  await look(rick, 'ask', { whole: true });
  await refused(rick, 'base.request-area', 'too-large');
  await settled(page);
  await drawRectangle(page, 60);
  await page.getByText(t('ask.area-fits')).waitFor();
  await page.getByLabel(t('ask.narrative')).fill('We want footage of everybody who took part in the protest march on Elm Street.');
  await refused(rick, 'base.request-protest', 'protest');

  await fay.page.goto('/desk/requests/new');
  await typeArea(fay.page, block);
  await describe(fay.page, { number: 'F-1', narrative: 'Parked cars were searched on Elm Street. We look for a dark sedan.' });
  await refused(fay, 'base.request-local', 'federal');

  // The request that is posted: signing in, drawing and describing by keyboard alone.
  await button(page, 'people.sign-out').click();
  await page.getByRole('heading', { name: t('shell.signin') }).waitFor();
  await look(rick, 'signin', { whole: true });
  await press(page, button(page, 'people.signin-passkey'));
  await page.getByRole('heading', { name: t('shell.desk'), exact: true }).waitFor();
  await page.evaluate(() => localStorage.clear());
  await press(page, page.getByRole('link', { name: t('ask.mine') }).first());
  await press(page, page.getByRole('link', { name: t('ask.new') }).first());
  await page.getByRole('heading', { name: t('ask.new') }).waitFor();
  await press(page, page.getByText(t('map.by-text')));
  await type(page, page.getByLabel(t('map.coordinates')), block);
  await press(page, button(page, 'map.coordinates-use'), 'Space');
  await page.getByText(t('ask.area-fits')).waitFor();
  await tabTo(page, page.getByRole('combobox', { name: t('ask.incident') }));
  await page.keyboard.type(t('incident.vehicle-break-in'));
  await type(page, page.getByLabel(t('ask.case'), { exact: true }), 'MG-2026-04417');
  await type(page, page.getByLabel(t('ask.narrative')), 'Several parked cars were searched on and around Elm Street. We look for a person in a gray hood and a dark sedan that left towards Oak Street.');
  for (const [field, time] of [['ask.from', '0430PM'], ['ask.to', '0600PM']]) {
    await tabTo(page, page.getByLabel(t(field), { exact: true }));
    await page.keyboard.type(`${month}${day}${year}`);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.type(time);
  }
  await type(page, page.getByLabel(t('ask.contact')), '555-0100, Officer Requester');
  await press(page, button(page, 'ask.preview'));
  await button(page, 'ask.post').waitFor();
  await look(rick, 'ask-preview', { whole: true });
  await press(page, button(page, 'ask.post'));
  await page.getByText(t('ask.posted'), { exact: true }).waitFor();
  await look(rick, 'ask-posted');

  await mo.page.goto('/desk/moderation');
  await look(mo, 'moderation', { whole: true });
  await button(mo.page, 'ask.approve').click();
  await mo.page.getByText(t('ask.approved')).waitFor();
  await page.goto('/desk/requests');
  await look(rick, 'requests-of-agency', { whole: true });
  const href = await page.getByRole('link', { name: t('ask.public-page') }).getAttribute('href');
  return href.split('/').pop();
}

// ---- the feed

async function checkFeed(seen) {
  const cells = [...new Set(seen.filter((u) => /\/feed\/v1\/[0-9a-f]+/.test(u)))];
  assert.equal(cells.length, 1, 'one file of the feed was fetched');
  const path = new URL(cells[0]).pathname;
  const [one, other] = await Promise.all([get(path, { 'User-Agent': 'one', 'Accept-Language': 'en' }), get(path, { 'User-Agent': 'another', Cookie: 'lang=nl', 'Accept-Encoding': 'identity' })]);
  const [a, b] = await Promise.all([one, other].map(async (r) => Buffer.from(await r.arrayBuffer())));
  assert.ok(a.equals(b), 'two clients get the same bytes');
  assert.match(one.headers.get('cache-control'), /public, max-age=\d+/);
  assert.equal((await get(path, { 'If-None-Match': one.headers.get('etag') })).status, 304);
  const { cells: all } = await (await get('/feed/v1/')).json();
  for (const cell of all) {
    const file = await get(`/feed/v1/${cell}`);
    assert.equal((await file.arrayBuffer()).byteLength, a.length, `the file of cell ${cell} has the size of all`);
  }
  say(`feed: ${all.length} files of ${a.length} bytes, the same for everybody`);
}

// ---- residents

/** Taps, and counts the taps. */
function finger(page) {
  const f = {
    taps: 0,
    async tap(target) {
      f.taps++;
      await target.tap();
    },
    async choose(target, files) {
      const chooser = page.waitForEvent('filechooser');
      await f.tap(target);
      f.taps++; // the clip in the phone's own picker
      await (await chooser).setFiles(files);
    },
  };
  return f;
}

const sentHeading = (page) => page.getByRole('heading', { name: t('answer.done'), exact: true });
const privateLink = async (page) => (await page.locator('.copy code').textContent()).trim();

async function saved(page, press, name) {
  const [download] = await Promise.all([page.waitForEvent('download'), press()]);
  const path = join(dir, name);
  await download.saveAs(path);
  return path;
}

async function shareOne(request) {
  const rosa = await person('Rosa', { onPhone: true });
  const { page, context } = rosa;
  const asked = [];
  context.on('request', (r) => asked.push(r));

  await page.goto('/near');
  await look(rosa, 'near-where', { whole: true });
  await page.getByText(t('map.by-text')).tap();
  await page.getByRole('textbox', { name: t('map.point') }).fill(`${home.lat}, ${home.lng}`);
  await button(page, 'map.point-use').tap();
  await button(page, 'ask.look').tap();
  await page.getByText(t('ask.inside-area')).waitFor();
  await look(rosa, 'near', { whole: true });
  await page.getByRole('link', { name: t('ask.read-more') }).tap();
  await page.getByRole('heading', { name: t('incident.vehicle-break-in') }).waitFor();
  assert.equal(new URL(page.url()).pathname, `/r/${request}`);
  await settled(page);

  const hand = finger(page);
  const opened = performance.now();
  await hand.tap(page.getByRole('link', { name: t('request.share') }).first());
  await hand.choose(button(page, 'answer.pick'), place.clip('elm-front-door'));
  await page.locator('video').waitFor();
  await hand.tap(button(page, 'answer.continue'));
  await page.getByText(t('answer.who-holds', { agency: city.name })).waitFor();

  // Until she presses Share, her browser only fetched what everybody fetches.
  const before = asked.slice();
  for (const r of before) {
    const { pathname, search } = new URL(r.url());
    if (r.url().startsWith('blob:')) continue;
    assert.equal(r.method(), 'GET', `${r.method()} ${pathname} before sharing`);
    assert.match(search, /^(\?v=[0-9a-f]+)?$/, `a query before sharing: ${pathname}`);
    assert.match(pathname, new RegExp(`^/(near|r/${request}(/share)?|feed/v1/.*|assets/.*|icons/.*|static/.*|map/.*|[\\w.]+\\.(js|css|png|svg|webmanifest)|` +
      `api/v1/requests/${request}|api/v1/agencies/${city.ori}|api/v1/notices|ledger/\\d+/receipt|\\.well-known/porchlight\\.json)$`), 'before sharing');
    assert.doesNotMatch(r.url() + (r.postData() ?? '') + JSON.stringify(r.headers()), /40\.66|88\.28/, 'her place');
  }
  await checkFeed(before.map((r) => r.url()));

  const share = page.getByRole('button', { name: t('answer.share.one') });
  await hand.tap(share);
  await sentHeading(page).waitFor();
  await page.locator('.receipt').first().waitFor();
  const seconds = (performance.now() - opened) / 1000;
  say(`a 30-second clip: ${hand.taps} taps and ${seconds.toFixed(1)} s from the request to the receipt`);
  assert.ok(hand.taps <= 6, `${hand.taps} taps`);
  assert.ok(seconds < 60, `${seconds} seconds`);
  await look(rosa, 'share-sent', { whole: true });
  const receipt = await saved(page, () => page.getByRole('button', { name: t('ui.receipt-save') }).first().tap(), 'rosa-receipt.txt');
  return { ...rosa, link: await privateLink(page), receipt };
}

async function shareMany(request) {
  const ben = await person('Ben', { onPhone: true });
  const { page, context, cdp } = ben;
  const long = join(dir, 'long evening.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-stream_loop', '5', '-i', place.clip('elm-front-door'), '-c', 'copy', long]);
  await page.goto(`/r/${request}/share`);
  await button(page, 'answer.pick').waitFor();
  await look(ben, 'share-choose', { whole: true });
  const chooser = page.waitForEvent('filechooser');
  await button(page, 'answer.pick').tap();
  await (await chooser).setFiles([place.clip('oak-front-door'), place.clip('adams-front-door'), place.clip('sycamore-front-door'), long]);
  const cards = page.locator('.card').filter({ has: page.getByRole('button', { name: t('answer.edit') }) });
  await cards.nth(3).waitFor();
  await look(ben, 'share-check', { whole: true });

  // Cuts, mutes and covers the first; the others stay as they are.
  await button(page, 'answer.edit').first().tap();
  await page.getByLabel(t('answer.mute')).check();
  await page.getByLabel(/^From 0:00/).first().fill('4');
  await page.getByLabel(/^To 0:1\d/).first().fill('9');
  await button(page, 'answer.cover-add').tap();
  await page.locator('.box').waitFor();
  await page.locator('.box').focus();
  await page.keyboard.press('ArrowRight');
  await look(ben, 'share-edit');
  await button(page, 'answer.apply').tap();
  const first = page.locator('.card').first();
  for (const key of ['answer.is-cut', 'answer.is-muted', 'answer.is-covered']) await first.getByText(t(key), { exact: true }).waitFor();
  // The preview plays the very bytes that will be sent.
  const preview = await first.locator('video').evaluate(async (v) => {
    if (v.readyState < 1) await new Promise((go) => v.addEventListener('loadedmetadata', go, { once: true }));
    return v.duration;
  });
  assert.ok(preview > 3 && preview < 9, `the preview lasts ${preview} s`);
  await button(page, 'answer.continue').tap();
  await page.getByLabel(t('answer.identity-email')).check();
  await page.getByLabel(t('answer.email')).fill('ben@example.org');
  await page.getByText(t('answer.add-message')).tap();
  await page.getByLabel(t('answer.message')).fill('The gray hood walks by at the start.');
  await look(ben, 'share-agree', { whole: true });

  // The connection drops, and the server loses its power, in the middle of it.
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 3e6 });
  let kept = 0; // bytes of the long clip that the server had, when asked after its restart
  let killed = false;
  page.on('response', (r) => {
    if (killed && r.request().method() === 'HEAD' && r.url().includes('/uploads/')) kept = Math.max(kept, Number(r.headers()['upload-offset'] ?? 0));
  });
  const piece = page.waitForResponse((r) => r.request().method() === 'PATCH' && r.status() === 204 && Number(r.headers()['upload-offset']) === 8 << 20);
  await page.getByRole('button', { name: t('answer.share.other', { n: 4 }) }).tap();
  await page.getByText(t('answer.stage-uploading')).waitFor();
  cutting(true);
  await context.setOffline(true);
  await page.getByText(t('answer.offline'), { exact: true }).waitFor();
  await look(ben, 'share-offline');
  await context.setOffline(false);
  await piece;
  await x.kill();
  killed = true;
  await look(ben, 'share-sending');
  await x.serve();
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await sentHeading(page).waitFor();
  cutting(false);
  assert.ok(kept >= 8 << 20, `after the restart the server had ${kept} bytes`);
  say(`cut off and killed in the middle: went on from ${kept} bytes`);
  await look(ben, 'share-sent-many');
  const link = await privateLink(page);
  await page.getByRole('link', { name: t('answer.follow') }).tap();
  await page.getByText('The gray hood').or(page.getByText(t('answer.event.submission.share')).first()).first().waitFor();
  await look(ben, 'follow-many', { whole: true });
  return { ...ben, link };
}

/** Opens a private link anew: a new fragment alone would not load the page. */
async function openLink({ page, link }) {
  await page.goto('about:blank');
  await page.goto(link);
}

/** Items behind a private link, as its page fetched them. */
async function items(p) {
  const [answer] = await Promise.all([p.page.waitForResponse((r) => new URL(r.url()).pathname === '/api/v1/clips'), openLink(p)]);
  return (await answer.json()).clips.map((c) => c.item);
}

// ---- custody

/** Every file of a directory. */
const files = (from) => readdirSync(from, { recursive: true }).map((f) => join(from, f)).filter((f) => statSync(f).isFile());

async function watch(p) {
  const { page } = p;
  await page.keyboard.press('w');
  await page.waitForFunction(() => document.querySelector('video')?.readyState >= 2);
  const at = await page.locator('video').evaluate(async (v) => {
    v.currentTime = 15;
    await new Promise((go) => v.addEventListener('seeked', go, { once: true }));
    return v.currentTime;
  });
  assert.equal(at, 15, 'seeking');
  await page.getByText(t('keep.same')).first().waitFor();
}

async function keep(item, other) {
  const { Cara: cara, Sam: sam } = staff;
  const { page } = cara;
  const clip = readFileSync(place.clip('elm-front-door'));
  const needle = clip.subarray(clip.length / 2, clip.length / 2 + 64); // of the video itself, whatever its container
  const payloads = [];
  cara.context.on('response', (r) => /\/views\/.*\/payload$/.test(r.url()) && payloads.push(r.body().catch(() => Buffer.alloc(0))));

  // Triage by keyboard alone.
  await page.goto('/desk/evidence');
  await page.locator(`#item-${item}`).waitFor();
  await look(cara, 'evidence', { whole: true });
  await page.keyboard.press('j');
  assert.ok(await page.locator('.item').first().evaluate((e) => e === document.activeElement), 'j moves to the first clip');
  await press(page, page.locator(`#item-${item}`));
  await button(page, 'keep.accept').waitFor();
  await look(cara, 'item-pending', { whole: true });
  await press(page, button(page, 'keep.accept'));
  await page.getByText(t('keep.triaged')).first().waitFor();
  await page.goto(`/desk/evidence/${other}`);
  await button(page, 'keep.accept').waitFor();
  await page.keyboard.press('d');
  await type(page, page.getByLabel(t('keep.decline-reason')), 'Shows another street.');
  await look(cara, 'item-decline');
  await press(page, button(page, 'keep.decline-do'));
  await page.getByText(t('keep.destroyed'), { exact: true }).waitFor();

  await page.goto(`/desk/evidence/${item}`);
  await button(page, 'keep.watch').waitFor();
  await watch(cara);
  await look(cara, 'item-watched', { whole: true });
  const received = await Promise.all(payloads);
  assert.ok(received.some((b) => b.length > 1_000_000), 'the payload came over the wire');
  assert.ok(received.every((b) => !b.includes(needle) && !b.includes('moov')), 'what the server sends is ciphertext');
  for (const file of files(x.data)) assert.ok(!readFileSync(file).includes(needle), `${file} holds the clip in the clear`);

  await page.getByLabel(t('keep.note')).fill('A dark sedan turns at 0:15.');
  await button(page, 'keep.note-add').click();
  await page.getByText(t('keep.noted')).first().waitFor();
  await page.getByRole('button', { name: t('keep.share') }).click();
  await dialog(page).getByLabel(t('keep.share-to')).selectOption(county.ori);
  await dialog(page).getByLabel(t('keep.share-purpose')).fill('Series of vehicle break-ins, county case 26-77');
  await look(cara, 'item-share');
  await button(dialog(page), 'keep.share-do').click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.locator('.holders').getByText(county.name).waitFor();

  // The sheriff watches, and can neither pass it on nor export it.
  await sam.page.goto(`/desk/evidence/${item}`);
  await button(sam.page, 'keep.watch').waitFor();
  await watch(sam);
  await look(sam, 'item-at-partner');
  assert.equal(await sam.page.getByRole('button', { name: t('keep.share') }).count(), 0, 'no reshare');

  // A hold.
  await button(page, 'keep.hold').click();
  await dialog(page).getByLabel(t('keep.hold-order')).fill('Order 26-CF-99');
  await dialog(page).getByLabel(t('keep.hold-reason')).fill('The trial needs it.');
  await look(cara, 'item-hold');
  await button(dialog(page), 'keep.hold-do').click();
  await dialog(page).waitFor({ state: 'detached' });
  await button(page, 'keep.lift').waitFor();
  await button(page, 'keep.lift').click();
  await page.getByText(t('keep.lifted')).first().waitFor();

  for (const form of ['ciphertext', 'plaintext']) {
    await page.getByRole('button', { name: t('keep.export') }).click();
    await dialog(page).locator(`input[value=${form}]`).check();
    await dialog(page).getByLabel(t('keep.export-purpose')).fill('Trial of a vehicle break-in, 26-CF-99');
    await look(cara, `item-export-${form}`);
    const zip = await saved(page, () => button(dialog(page), 'keep.export-do').click(), `${form}.zip`);
    await dialog(page).waitFor({ state: 'detached' });
    checkPackage(zip, form, needle);
  }
  await look(cara, 'item-kept', { whole: true });
  await page.getByRole('link', { name: t('keep.case-n', { case: 'MG-2026-04417' }) }).first().click();
  await page.getByRole('heading', { level: 1, name: /MG-2026-04417/ }).waitFor();
  await look(cara, 'case', { whole: true });
}

/** As a court does: sha256sum over the bag, porchlight verify with keys from elsewhere; then with one byte changed. */
function checkPackage(zip, form, needle) {
  const bag = join(dir, form);
  execFileSync('unzip', ['-q', zip, '-d', bag]);
  const top = join(bag, readdirSync(bag)[0]);
  const sums = readdirSync(top).filter((f) => /manifest-sha256\.txt$/.test(f));
  assert.equal(sums.length, 2, 'manifest and tag manifest');
  for (const f of sums) execFileSync('sha256sum', ['-c', '--quiet', '--strict', f], { cwd: top });
  for (const target of [zip, top]) {
    const said = x.verify(target);
    assert.equal(said.status, 0, `verify ${form}: ${said.out}`);
  }
  assert.equal(files(top).some((f) => readFileSync(f).includes(needle)), form === 'plaintext', `${form}: the clip in the clear`);
  for (const file of files(top)) {
    const bytes = readFileSync(file);
    const wrong = Buffer.from(bytes);
    wrong[bytes.length >> 1] ^= 1;
    writeFileSync(file, wrong);
    const said = x.verify(top);
    assert.equal(said.status, 1, `${form} with a changed byte in ${file}: ${said.out}`);
    writeFileSync(file, bytes);
  }
  say(`${form} package: sha256sum and porchlight verify agree; a changed byte in any of its ${files(top).length} files is refused`);
}

// ---- the owner follows and takes back

async function follow(rosa, ben) {
  const { page } = rosa;
  await openLink(rosa);
  const event = (key, params) => page.getByText(t(`answer.event.${key}`, params), { exact: true }).first().waitFor();
  await event('submission.share');
  await event('item.triage.accept', { agency: city.name });
  await event('item.view', { agency: county.name });
  await event('item.share', { agency: city.name, to: county.name, purpose: 'Series of vehicle break-ins, county case 26-77' });
  await event('item.export', { agency: city.name });
  await look(rosa, 'follow', { whole: true });
  await button(page, 'answer.prove').first().tap();
  await page.locator('.receipt').first().waitFor();

  // Somebody may have seen her link: a new one; the old one opens nothing.
  await button(page, 'answer.relink').tap();
  await look(rosa, 'follow-relink');
  await button(dialog(page), 'answer.relink-sure').tap();
  await page.waitForFunction((old) => !old.endsWith(location.hash), rosa.link);
  const thief = await person('thief', { onPhone: true });
  await thief.page.goto(rosa.link);
  await thief.page.getByText(t('answer.link-unknown'), { exact: true }).waitFor();
  await look(thief, 'follow-dead-link', { whole: true });
  await thief.context.close();

  // Ben takes back a clip nobody accepted: gone at once. Rosa asks for hers: the custodian releases it.
  await openLink(ben);
  await button(ben.page, 'answer.withdraw').first().tap();
  await look(ben, 'follow-withdraw');
  await button(dialog(ben.page), 'answer.withdraw-sure').tap();
  await ben.page.getByText(t('answer.event.item.destroy.withdrawn')).waitFor();
  await button(page, 'answer.withdraw').tap();
  await button(dialog(page), 'answer.withdraw-sure').tap();
  await page.getByText(t('answer.withdraw-waits')).waitFor();
  const cara = staff.Cara.page;
  await cara.goto('/desk/evidence');
  await cara.getByRole('tab', { name: new RegExp(t('keep.tab.withdrawal-requested')) }).click();
  await cara.locator('.item').first().click();
  await button(cara, 'keep.release').waitFor();
  await look(staff.Cara, 'item-withdrawal');
  await button(cara, 'keep.release').click();
  await cara.getByText(t('keep.destroyed'), { exact: true }).waitFor();
  await page.reload();
  await event('item.destroy.withdrawn');
  await look(rosa, 'follow-destroyed');
}

// ---- checking

async function verify(rosa) {
  const said = x.verify(rosa.receipt);
  assert.equal(said.status, 0, said.out);
  const text = readFileSync(rosa.receipt, 'utf8');
  const forged = join(dir, 'forged.txt');
  writeFileSync(forged, text.replace(/plaintext_sha256 (.)/, (_, c) => `plaintext_sha256 ${c === '0' ? '1' : '0'}`));
  assert.equal(x.verify(forged).status, 1, 'a forged receipt');
  const ledger = x.verify(x.site);
  assert.equal(ledger.status, 0, `the whole ledger: ${ledger.out}`);

  // The same in the browser, with no connection once the page is there.
  const anybody = await person('anybody');
  const { page } = anybody;
  await page.goto('/verify');
  await settled(page);
  await look(anybody, 'verify', { whole: true });
  await anybody.context.setOffline(true);
  await page.locator('input[type=file]').setInputFiles(rosa.receipt);
  await page.getByText(/cosigned/).first().waitFor();
  await look(anybody, 'verify-holds', { whole: true });
  await page.locator('input[type=file]').setInputFiles(forged);
  await page.getByText(/is not the one the entry committed to/).first().waitFor();
  await look(anybody, 'verify-refused');
  await anybody.context.close();
}

async function audit() {
  const { Olga: olga } = staff;
  const { page } = olga;
  await page.goto('/desk/audit?entry=7');
  await page.getByLabel(t('people.reason')).fill('Yearly review.');
  await button(page, 'people.audit-do').click();
  await page.getByText(t('people.values', { entry: '7' })).waitFor();
  await look(olga, 'audit', { whole: true });
  const decide = async (key, reason) => {
    await page.getByRole('row', { name: county.name }).getByRole('button', { name: t(`people.${key}`) }).click();
    await dialog(page).getByLabel(t('people.reason')).fill(reason);
    if (key === 'suspend') await look(olga, 'suspend');
    await button(dialog(page), `people.${key}`).click();
    await dialog(page).waitFor({ state: 'detached' });
  };
  await page.goto('/desk/agencies');
  await decide('suspend', 'Requests without a case number.');
  const said = await (await get(`/agencies/${county.ori}`)).text();
  assert.match(said, /Requests without a case number/, 'everybody can read why');
  await look(olga, 'desk-agencies', { whole: true });
  await decide('restore', 'Trained.');
}

// ---- what everybody sees

const publicPages = (request) => ({
  home: '/', requests: '/requests', request: `/r/${request}`, agencies: '/agencies', agency: `/agencies/${city.ori}`,
  ledger: '/ledger', entry: '/ledger/7', rules: '/rules', how: '/how', accessibility: '/accessibility',
});

async function everybody(request) {
  const plain = await person('no JavaScript', { javaScriptEnabled: false });
  for (const [name, path] of Object.entries(publicPages(request))) {
    const answer = await plain.page.goto(path);
    assert.equal(answer.status(), 200, path);
    assert.ok((await plain.page.locator('h1').innerText()).length > 3, `${path} has a heading`);
    assert.equal(await plain.page.locator('script').count(), 0, `${path} needs a script`);
    if (shots) await plain.page.screenshot({ path: join(shots, `no-script-${name}.png`), fullPage: true });
  }
  await plain.page.goto(`/agencies/${city.ori}`);
  await plain.page.getByRole('link', { name: new RegExp(t('incident.vehicle-break-in')) }).first().click();
  await plain.page.getByRole('heading', { name: t('incident.vehicle-break-in') }).waitFor();
  await plain.context.close();

  await Promise.all([visit(request), inLanguage('es', request), inLanguage('nl', request)]);
}

async function visit(request) {
  const visitor = await person('visitor');
  for (const [name, path] of Object.entries(publicPages(request))) {
    await visitor.page.goto(path);
    await look(visitor, name, { whole: true });
  }
  await visitor.context.close();
}

async function inLanguage(lang, request) {
  const someone = await person(lang, { onPhone: true, locale: { es: 'es-ES', nl: 'nl-NL' }[lang] });
  const { page } = someone;
  for (const [name, path] of Object.entries({ ...publicPages(request), near: '/near', share: `/r/${request}/share` })) {
    await page.goto(path);
    await settled(page);
    assert.equal(await page.evaluate(() => document.documentElement.lang), lang, path);
    await look(someone, `${lang}-${name}`);
  }
  await page.getByRole('button', { name: words(lang)('answer.pick') }).waitFor();
  await someone.context.close();
}

// ---- the story

try {
  await enrolEverybody();
  say('everybody is enrolled');
  const request = await askNeighbors();
  say('the request is published');
  const rosa = await shareOne(request);
  const ben = await shareMany(request);
  say('the clips are in');
  const [item] = await items(rosa);
  const others = await items(ben);
  await keep(item, others[1]);
  say('kept, shared and exported');
  await follow(rosa, ben);
  say('followed and taken back');
  await verify(rosa);
  say('checked by anybody, offline');
  await audit();
  await everybody(request);
  say('the public pages');
  const trouble = readFileSync(x.log, 'utf8').split('\n').filter((line) => line.includes('"level":"ERROR"'));
  assert.deepEqual(trouble, [], 'the server complained');
  assert.deepEqual(complaints, []);
  say('the whole story');
} catch (e) {
  for (const context of browser.contexts())
    for (const page of context.pages()) {
      console.error(`--- ${page.url()}\n${(await page.locator('main').innerText({ timeout: 1000 }).catch(() => '')).slice(0, 1500)}`);
      await page.screenshot({ path: join(build, `failed-${browser.contexts().indexOf(context)}.png`) }).catch(() => undefined);
    }
  console.error(complaints.join('\n'));
  throw e;
} finally {
  await browser.close();
  x.close();
  if (!process.env.STORY_KEEP) rmSync(dir, { recursive: true, force: true });
}
