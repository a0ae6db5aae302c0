// A phone of the house asks to be told, is told, and opens what it is about:
//   node test/homepush.mjs SITE PAIRING_LINK ENDPOINT P256DH AUTH HEARD [SCREENSHOT_DIR]
// home/web/push_test.go starts it. The push service is the test's (there is none
// here): it decrypts what the house sends, HEARD tells it, and Chromium delivers it to
// the worker.
import assert from 'node:assert/strict';
import { openBrowser } from './lib/browser.mjs';
import { homeWords } from './lib/home.mjs';

const [site, link, endpoint, p256dh, auth, heard, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);

try {
  const ana = await person('homepush', { onPhone: true, locale: 'es-US' });
  const { context, page, cdp } = ana;
  const t = homeWords('es');
  const button = (key) => page.getByRole('button', { name: t(key), exact: true });
  await context.grantPermissions(['notifications'], { origin: site });
  await page.addInitScript(([endpoint, p256dh, auth]) => {
    let subscribed = null;
    PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
      if (!userVisibleOnly || applicationServerKey.length < 80) throw new Error('no browser would take this');
      return (subscribed = { endpoint, toJSON: () => ({ endpoint, keys: { p256dh, auth } }), unsubscribe: async () => Boolean((subscribed = null)) });
    };
    PushManager.prototype.getSubscription = async () => subscribed;
  }, [endpoint, p256dh, auth]);
  const registrations = new Map(); // by id
  cdp.on('ServiceWorker.workerRegistrationUpdated', (e) => e.registrations.forEach((r) => registrations.set(r.registrationId, r)));
  await cdp.send('ServiceWorker.enable');

  await page.goto(link);
  await page.getByLabel(t('home.pair-name')).fill('Teléfono');
  await button('home.pair-do').tap();
  await page.getByRole('heading', { name: t('home.live'), level: 1 }).waitFor();

  // What may be installed says so.
  const manifest = await context.request.get('/manifest.webmanifest').then((r) => r.json());
  assert.equal(manifest.start_url, '/');
  for (const { src } of manifest.icons) assert.equal((await context.request.get(src)).status(), 200, src);

  await page.goto('/devices');
  const tell = page.getByRole('switch', { name: t('home.phone-switch') });
  await look(ana, 'home-phone-off', { whole: true });
  await tell.tap();
  await page.locator('[role=switch][aria-checked=true]').waitFor();
  await page.getByText(t('home.device-told')).waitFor();
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  // Who asks for the notices while one is being put up makes Chromium forget it: they are asked for when it is up.
  await worker.evaluate(() => {
    const show = ServiceWorkerRegistration.prototype.showNotification;
    self.shown = new Promise((up) => {
      ServiceWorkerRegistration.prototype.showNotification = async function (...args) {
        await show.apply(this, args);
        up();
      };
    });
  });
  await button('home.phone-test').tap();
  await page.getByText(t('home.phone-tried')).waitFor();
  await look(ana, 'home-phone-on', { whole: true });
  const [message] = await fetch(heard).then((r) => r.json());
  const sent = JSON.parse(message);
  const push = (data) => cdp.send('ServiceWorker.deliverPushMessage', { origin: site, registrationId: [...registrations.keys()][0], data: JSON.stringify(data) });

  // The test as it was sent, in her language; its page is one of the house's.
  await push({ ...sent, page: '/storage' });
  await worker.evaluate(() => self.shown);
  const notices = await page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ title, body, tag }) => ({ title, body, tag })));
  assert.deepEqual(notices, [{ title: sent.title, body: sent.body, tag: 'test' }]);
  assert.ok(sent.title.length > 0 && !/[{}]|home\./.test(sent.title + sent.body), `the words: ${JSON.stringify(sent)}`);

  // A tap opens its page, in the window that is open.
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
  });
  await page.getByRole('heading', { name: t('home.storage'), level: 1 }).waitFor();

  await page.goto('/devices');
  await tell.tap();
  await page.locator('[role=switch][aria-checked=false]').waitFor();
  await page.getByText(t('home.device-told')).waitFor({ state: 'detached' });
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
