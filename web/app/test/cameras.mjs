// An agency's plate cameras in real browsers: an administrator adds one that
// signs and one that shows a token, connects, changes and removes them, by
// keyboard; an investigator looks on from a phone.
//   node test/cameras.mjs SITE ADMIN_LINK INVESTIGATOR_LINK [SCREENSHOT_DIR]
// web/cameras_browser_test.go starts it. Needs /usr/bin/chromium.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { openBrowser, press, type, words } from './lib/browser.mjs';

const [site, adminLink, investigatorLink, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);
const w = words();

async function enrol(p, link) {
  await p.page.goto(link);
  await p.page.getByLabel(/Name of this device/).fill('Key');
  await p.page.getByRole('button', { name: 'Make my passkey' }).click();
  await p.page.getByText('You are enrolled and signed in').waitFor();
  await p.page.goto(site + '/desk/cameras');
}
const post = (path, headers, body) => fetch(site + path, { method: 'POST', headers, body }).then(async (r) => [r.status, await r.json()]);

try {
  const ada = await person('admin', { passkey: true });
  const { page } = ada;
  await enrol(ada, adminLink);
  await page.getByText(w('cameras.none'), { exact: true }).waitFor();
  await look(ada, 'cameras-none');

  // One that signs: her key is made beside the camera.
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
  const form = page.locator('form');
  const place = async (where) => {
    await form.getByText(w('map.by-text')).click();
    await type(page, form.getByLabel(w('map.point')), where);
    await press(page, form.getByRole('button', { name: w('map.point-use') }));
  };
  await type(page, form.getByLabel(w('cameras.name'), { exact: true }), 'Main St / 5th, northbound');
  await type(page, form.getByLabel(w('cameras.key')), 'ssh-ed25519 nonsense');
  await form.getByText(w('cameras.key-bad')).waitFor();
  await type(page, form.getByLabel(w('cameras.key')), key);
  await form.getByLabel(w('cameras.heading')).selectOption('0');
  await place('39.75, -89.65');
  await look(ada, 'cameras-form');
  await press(page, form.getByRole('button', { name: w('cameras.add') }));
  await page.getByRole('heading', { name: w('cameras.connect-title', { name: 'Main St / 5th, northbound' }) }).waitFor();
  const line = await page.locator('.copy code').textContent();
  const id = line.match(/--camera (\w{26})/)[1];
  await page.getByText(w('cameras.state-waiting')).waitFor();

  // It sends a read, and nonsense in its name.
  const batch = JSON.stringify({ camera: id, sequence: 1, sent: new Date(), reads: [{ plate: 'ZZT1234', seen: new Date() }] });
  const headers = (body) => ({
    'Content-Type': 'application/json', 'Porchlight-Camera': id,
    'Porchlight-Signature': sign(null, Buffer.from(`porchlight.batch.v1\n${id}\n${body}`), privateKey).toString('base64'),
  });
  let [status, result] = await post('/api/v1/plates/batches', headers(batch), batch);
  assert.deepEqual([status, result.fresh], [200, 1]);
  await page.reload();
  const row = page.getByRole('row', { name: /Main St/ });
  await row.getByText(w('cameras.state-well')).waitFor();
  [status] = await post('/api/v1/plates/batches', headers('forged'), batch);
  assert.equal(status, 401);
  await page.reload();
  await row.getByText(w('cameras.trouble-unsigned')).waitFor();

  // One that shows a token, once.
  await press(page, page.getByRole('button', { name: w('cameras.add-title') }));
  await type(page, form.getByLabel(w('cameras.name'), { exact: true }), 'Gate');
  await form.getByLabel(w('cameras.speaks')).selectOption('csv');
  await place('39.751, -89.652');
  await press(page, form.getByRole('button', { name: w('cameras.add') }));
  await page.getByText(w('cameras.once')).waitFor();
  const token = (await page.locator('.copy code').textContent()).match(/Bearer (\S{43})"/)[1];
  const csv = `plate,time\nZZF1,${new Date().toISOString()}\nno plate!,now\n`;
  [status, result] = await post(`/api/v1/plates/reads/${token}`, {}, csv);
  assert.deepEqual([status, result.fresh, result.malformed], [200, 1, 1]);
  await page.reload();
  await page.getByRole('row', { name: /Gate/ }).getByText(w('cameras.trouble-malformed')).waitFor();
  assert.equal(await page.getByText(token).count(), 0, 'the token is shown once');
  await look(ada, 'cameras', { whole: true });

  // A new token; the old one is refused at once.
  await press(page, page.getByRole('row', { name: /Gate/ }).getByRole('button', { name: w('cameras.change') }));
  const dialog = page.locator('dialog[open]');
  await dialog.getByLabel(w('cameras.renew')).check();
  await look(ada, 'cameras-change');
  await dialog.getByRole('button', { name: w('cameras.save') }).click();
  await page.getByText(w('cameras.once')).waitFor();
  const fresh = (await page.locator('.copy code').textContent()).match(/Bearer (\S{43})"/)[1];
  assert.notEqual(fresh, token);
  [status] = await post(`/api/v1/plates/reads/${token}`, {}, csv);
  assert.equal(status, 401);
  [status, result] = await post(`/api/v1/plates/reads/${fresh}`, {}, csv);
  assert.deepEqual([status, result.duplicate], [200, 1]);
  await look(ada, 'cameras-connect');

  // Reads go after a week, pictures after a day; never longer than the law or the reads.
  await press(page, page.getByRole('button', { name: w('cameras.close') }));
  const kept = (what) => page.locator(`[data-kept=${what}]`);
  assert.deepEqual([await kept('reads').textContent(), await kept('pictures').textContent()], ['30 days', '30 days']);
  const keep = async (what, n) => {
    await press(page, page.getByRole('button', { name: w(`keeping.do-${what}`) }));
    await type(page, dialog.getByLabel(w('keeping.for')), n);
  };
  const change = dialog.getByRole('button', { name: w('keeping.save') });
  await keep('reads', '31');
  await dialog.getByText(w('keeping.too-long', { time: '30 days' })).waitFor();
  assert.ok(await change.isDisabled());
  await type(page, dialog.getByLabel(w('keeping.for')), '7');
  await dialog.getByText(w('keeping.shorter', { time: '7 days' })).waitFor();
  await look(ada, 'keeping-change');
  await press(page, change);
  await kept('reads').getByText('7 days').waitFor();
  await kept('pictures').getByText('7 days').waitFor();
  await page.getByText(w('keeping.receipt')).waitFor();
  await keep('pictures', '8');
  await dialog.getByText(w('keeping.too-long-pictures', { time: '7 days' })).waitFor();
  await type(page, dialog.getByLabel(w('keeping.for')), '1');
  await press(page, change);
  await kept('pictures').getByText('1 day').waitFor();
  await look(ada, 'keeping', { whole: true });
  // Longer again: for what comes from then on.
  await keep('reads', '30');
  await dialog.getByText(w('keeping.longer', { time: '30 days' })).waitFor();
  await press(page, dialog.getByRole('button', { name: w('keeping.leave') }));

  // An investigator sees them and can do nothing to them.
  const ivy = await person('investigator', { passkey: true, onPhone: true, colorScheme: 'dark' });
  await enrol(ivy, investigatorLink);
  await ivy.page.getByText('Main St / 5th, northbound').waitFor();
  assert.equal(await ivy.page.getByRole('button', { name: w('cameras.change') }).count(), 0);
  assert.equal(await ivy.page.locator('form').count(), 0);
  await ivy.page.locator('[data-kept=reads]').getByText('7 days').waitFor();
  assert.equal(await ivy.page.getByRole('button', { name: w('keeping.do-reads') }).count(), 0);
  await look(ivy, 'cameras-investigator');

  await press(page, row.getByRole('button', { name: w('cameras.change') }));
  await dialog.getByRole('button', { name: w('cameras.remove') }).click();
  await page.locator('dialog[open]').getByText(w('cameras.remove-body')).waitFor();
  await look(ada, 'cameras-remove');
  await page.locator('dialog[open]').getByRole('button', { name: w('cameras.remove') }).click();
  await page.getByText(w('cameras.gone.one', { n: 1 })).waitFor();
  [status] = await post('/api/v1/plates/batches', headers(batch), batch);
  assert.equal(status, 401);
  assert.deepEqual(complaints, []);
} catch (e) {
  for (const context of browser.contexts()) for (const page of context.pages()) console.error(page.url(), await page.locator('main').innerText().catch(() => ''));
  throw e;
} finally {
  await browser.close();
}
