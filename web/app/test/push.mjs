// A resident asks to be told, and is told, in a real browser:
//   node test/push.mjs SITE REQUEST_ID [SCREENSHOT_DIR]
// web/push_test.go starts it. The push service is the test's (there is none
// here); the page, the exchange and the worker's handlers are the real ones.
// Prints JSON: { cell }.
import assert from 'node:assert/strict';
import { openBrowser, words } from './lib/browser.mjs';

const [site, , shots] = process.argv.slice(2);
const endpoint = 'https://push.example/to/this/browser';
const { browser, person, look, complaints } = await openBrowser(site, shots);

try {
  const resident = await person('push', { onPhone: true, locale: 'es-US' });
  const { context, page, cdp } = resident;
  const t = words('es');
  await context.grantPermissions(['notifications'], { origin: site });
  await page.addInitScript((endpoint) => {
    localStorage.setItem('porchlight.place', JSON.stringify({ lat: 39.752, lng: -89.648 }));
    let subscribed = null;
    PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
      if (!userVisibleOnly || applicationServerKey.length < 80) throw new Error('no browser would take this');
      const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
      const base64url = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
      const keys = { p256dh: base64url(await crypto.subtle.exportKey('raw', publicKey)), auth: base64url(crypto.getRandomValues(new Uint8Array(16))) };
      return (subscribed = { endpoint, toJSON: () => ({ endpoint, keys }), unsubscribe: async () => Boolean((subscribed = null)) });
    };
    PushManager.prototype.getSubscription = async () => subscribed;
  }, endpoint);

  const registrations = new Map(); // by id
  cdp.on('ServiceWorker.workerRegistrationUpdated', (e) => e.registrations.forEach((r) => registrations.set(r.registrationId, r)));
  await cdp.send('ServiceWorker.enable');
  const asked = [];
  context.on('request', (r) => r.serviceWorker() && r.url().startsWith('http') && asked.push(new URL(r.url()).pathname));
  const push = (data) => cdp.send('ServiceWorker.deliverPushMessage', { origin: site, registrationId: [...registrations.keys()][0], data });
  /** What the notices on the screen say, once there are n, or after a minute. */
  const notices = (n) => page.evaluate(async (n) => {
    const registration = await navigator.serviceWorker.ready;
    for (const until = Date.now() + 60_000; ; ) {
      const all = await registration.getNotifications();
      if (all.length === n || Date.now() > until) return all.map(({ title, body, tag }) => ({ title, body, tag }));
      await new Promise(requestAnimationFrame);
    }
  }, n);

  await page.goto('/near');
  const tell = page.getByRole('button', { name: t('ask.push-start'), exact: true });
  await tell.tap();
  await page.getByRole('button', { name: t('ask.push-stop'), exact: true }).waitFor();
  await look(resident, 'push');
  const [cell] = await page.evaluate(() => JSON.parse(localStorage.getItem('porchlight.notice-cells')));

  // The message is the cell; the notice is in her language and says no more.
  const said = { title: t('ask.push-title'), body: t('ask.push-body') };
  asked.length = 0; // so far its own script
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  // Who asks for the notices while one is being put up makes Chromium forget it: they are asked for when all are up.
  await worker.evaluate(() => {
    const show = ServiceWorkerRegistration.prototype.showNotification;
    self.shown = 0;
    ServiceWorkerRegistration.prototype.showNotification = async function (...args) {
      await show.apply(this, args);
      self.shown++;
      self.told?.();
    };
  });
  const shown = (n) => worker.evaluate((n) => new Promise((resolve) => (self.told = () => self.shown >= n && resolve())()), n);
  await push(cell);
  await shown(1);
  assert.deepEqual(await notices(1), [{ ...said, tag: `cell-${cell}` }]);
  await push(cell); // the same cell again replaces it
  await push('887541');
  await shown(3);
  assert.deepEqual((await notices(2)).map((n) => n.tag).sort(), [`cell-${cell}`, 'cell-887541'].sort());

  // A tap on it closes it. (Which window it opens, only a person's tap can show.)
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
  });
  await notices(1);

  // Told or not, the worker asks the exchange nothing.
  assert.deepEqual(asked, []);
  await page.getByRole('button', { name: t('ask.push-stop'), exact: true }).tap();
  await tell.waitFor();
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ cell }));
} finally {
  await browser.close();
}
