// A household and its recorder in a real browser, with real cameras:
//   node test/home.mjs SITE PAIRING_LINK H264_CAMERA H265_CAMERA USER PASSWORD [SCREENSHOT_DIR]
// home/node/browser_test.go starts it.
import assert from 'node:assert/strict';
import { openHouse, walk } from './lib/home.mjs';

const [site, link, door, yard, user, password, shots] = process.argv.slice(2);
const opened = await openHouse(site, link, shots);
const { t, stranger, look } = opened;

await walk(opened, async () => {
  const ana = await stranger('home');
  const { page, context, button } = ana;

  // A stranger sees the pairing page and nothing else.
  await page.goto('/cameras');
  await page.getByRole('heading', { name: t('home.pair'), level: 1 }).waitFor();
  await look(ana, 'home-pair', { whole: true });
  await page.goto(link);
  await page.getByLabel(t('home.pair-name')).fill('Ana’s phone');
  assert.equal(new URL(page.url()).hash, '', 'the code does not stay in the address');
  await button('home.pair-do').tap();
  await page.getByText(t('home.live-none'), { exact: true }).waitFor();
  await look(ana, 'home-live-empty', { whole: true });

  /** Adds a camera by its address. */
  async function add(name, address, secret) {
    await page.goto('/cameras');
    const more = button('home.camera-add');
    await page.getByRole('heading', { name: t('home.cameras'), level: 1 }).waitFor();
    await page.waitForFunction(() => !document.querySelector('.skeleton'));
    if (await more.count()) await more.tap();
    await page.getByLabel(t('home.name'), { exact: true }).fill(name);
    await page.getByLabel(t('home.address')).fill(address);
    await page.getByLabel(t('home.user')).fill(user);
    await page.getByLabel(t('home.password')).fill(secret);
  }
  await add('Front door', door, 'wrong');
  await button('home.probe').tap();
  await page.getByText('refuses this user name and password').waitFor();
  await page.getByLabel(t('home.password')).fill(password);
  await button('home.probe').tap();
  await page.getByText(t('home.probed'), { exact: true }).waitFor();
  await look(ana, 'home-camera-add');
  await button('home.camera-add-do').tap();
  await page.getByRole('heading', { name: 'Front door', level: 1 }).waitFor();
  await add('Back yard', yard, password);
  await button('home.camera-add-do').tap();
  await page.getByRole('heading', { name: 'Back yard', level: 1 }).waitFor();

  // Nothing that a page is told holds the password.
  const told = await context.request.get('/api/v1/cameras').then((r) => r.text());
  assert(!told.includes(password) && !told.includes(encodeURIComponent(password)));

  // The first segments are whole after ten seconds; the event tells the page.
  await page.goto('/');
  await page.waitForFunction(() => document.querySelectorAll('.pictures img').length === 2);
  await look(ana, 'home-live', { whole: true, top: true });

  /** Waits until the film on the page moves; its position. */
  const plays = () =>
    page.waitForFunction(() => {
      const v = document.querySelector('.film video');
      if (!v || v.paused || v.readyState < 2) return false;
      v.dataset.from ??= String(v.currentTime);
      return v.currentTime > Number(v.dataset.from) + 1;
    });
  await page.getByRole('link', { name: /Front door/ }).tap();
  await plays();
  await look(ana, 'home-live-big', { top: true });

  await page.goto('/');
  await page.getByRole('link', { name: /Back yard/ }).tap();
  await plays();
  await page.getByText(t('home.encoded')).waitFor();

  // The timeline: play, go on by keyboard, and a preview of what the browser cannot decode.
  await page.goto('/timeline');
  await button('home.play').tap();
  await plays();
  await look(ana, 'home-timeline', { whole: true });
  await button('home.pause').tap();
  const bar = page.getByRole('slider', { name: t('home.position') });
  const before = Number(await bar.getAttribute('aria-valuenow'));
  await bar.focus();
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((before) => Number(document.querySelector('[role=slider]').getAttribute('aria-valuenow')) < before, before);
  await page.getByRole('button', { name: 'Back yard', exact: true }).tap();
  await button('home.play').tap();
  await plays(); // this Chromium does not decode H.265: it gets a preview
  await page.getByText(t('home.encoded')).waitFor();

  // A minute kept, and let go.
  await button('home.hold').tap();
  await page.getByText(t('home.held')).waitFor();
  await page.goto('/storage');
  await button('home.release').waitFor();
  await look(ana, 'home-storage', { whole: true });
  await button('home.release').tap();
  await page.getByText(t('home.held-none')).waitFor();

  for (const [path, key] of [['/house', 'home.cameras'], ['/requests', 'home.no-exchange'], ['/answers', 'home.answers-none'], ['/privacy', 'home.leaves-nothing'], ['/faces', 'home.faces'], ['/pets', 'home.pets'], ['/cameras', 'home.camera-add']]) {
    await page.goto(path);
    await page.getByText(t(key), { exact: true }).first().waitFor();
    await look(ana, `home${path.replace('/', '-')}`, { whole: true });
  }

  // Another device comes in with a code of this one, and is shut out again.
  await page.goto('/devices');
  await button('home.device-code-show').tap();
  const code = page.getByLabel(t('home.device-link'));
  await look(ana, 'home-devices', { whole: true });
  const sam = await stranger('home-desk', { onPhone: false });
  await sam.page.goto((await code.locator('code').textContent()).trim());
  await sam.page.getByLabel(t('home.pair-name')).fill('Sam’s computer');
  await sam.button('home.pair-do').click();
  await sam.page.getByRole('link', { name: /Front door/ }).waitFor();
  const row = page.locator('section.card', { hasText: 'Sam’s computer' });
  await row.getByRole('button', { name: t('home.remove'), exact: true }).tap();
  await page.locator('dialog').getByRole('button', { name: t('home.remove'), exact: true }).tap();
  await row.waitFor({ state: 'detached' });
  await sam.page.goto('/storage');
  await sam.page.getByRole('heading', { name: t('home.pair'), level: 1 }).waitFor();
});
