// The people of an exchange, in real browsers with virtual security keys: from
// the operator's link to a recovered vault, a suspension and a removal.
//   node test/people.mjs SITE OPERATOR_LINK [SCREENSHOT_DIR]
// web/people_browser_test.go starts it. Needs /usr/bin/chromium.
import assert from 'node:assert/strict';
import { openBrowser } from './lib/browser.mjs';

const [site, link, shots] = process.argv.slice(2);
const { browser, person: somebody, look, complaints } = await openBrowser(site, shots);
const person = (name, options) => somebody(name, { passkey: true, ...options });

async function enrol(p, link, label) {
  await p.page.goto(link);
  await p.page.getByLabel(/Name of this device/).fill(label);
  await look(p, `enrol-${p.name}`);
  await p.page.getByRole('button', { name: 'Make my passkey' }).click();
  await p.page.getByText('You are enrolled and signed in').waitFor();
  await look(p, `enrolled-${p.name}`);
}

try {
  const op = await person('operator');
  await enrol(op, link, 'Blue key');
  await op.page.getByRole('button', { name: 'Go to the desk' }).click();
  await op.page.getByRole('heading', { name: 'Desk' }).waitFor();
  await look(op, 'desk-operator');
  await op.page.goto(site + '/desk/agencies');
  await op.page.getByText('No agency has joined yet').waitFor();
  await op.page.getByLabel('Name of the agency').fill('Millbrook Police Department');
  await op.page.getByLabel('ORI code').fill('IL0160000');
  await op.page.getByLabel('State', { exact: true }).fill('IL');
  await op.page.getByLabel('Contact for residents').fill('555-0100');
  await op.page.getByLabel('Name of its first administrator').fill('Ada Admin');
  await op.page.getByText('Without the map').click();
  await op.page.getByLabel('Corners as text').fill('39.70, -89.70\n39.70, -89.60\n39.80, -89.60\n39.80, -89.70');
  await op.page.getByRole('button', { name: 'Use these corners' }).click();
  await look(op, 'agencies-form');
  await op.page.getByRole('button', { name: 'Invite', exact: true }).click();
  const code = op.page.getByRole('group', { name: 'Invitation link' }).locator('code');
  await code.waitFor();
  const adminLink = await code.textContent();
  await look(op, 'agency-invited');

  const admin = await person('admin');
  await enrol(admin, adminLink, 'Ada’s laptop');
  await admin.page.getByRole('link', { name: 'Continue' }).click();
  await admin.page.getByLabel('Contact for residents').fill('police@millbrook.example');
  await look(admin, 'join');
  await admin.page.getByRole('button', { name: 'Confirm and join' }).click();
  await admin.page.getByRole('button', { name: 'Confirm and join' }).waitFor({ state: 'detached' });
  const invite = async (by, name, role) => {
    await by.page.getByLabel('Name', { exact: true }).fill(name);
    await by.page.getByLabel('Role', { exact: true }).selectOption(role);
    await by.page.getByRole('button', { name: 'Invite', exact: true }).click();
    await by.page.getByRole('heading', { name: `Invitation for ${name}` }).waitFor();
    return by.page.getByRole('group', { name: 'Invitation link' }).locator('code').textContent();
  };
  const caraLink = await invite(admin, 'Cara Custodian', 'custodian');
  const carlLink = await invite(admin, 'Carl Custodian', 'custodian');
  await look(admin, 'people-admin');

  const cara = await person('cara');
  await enrol(cara, caraLink, 'Front desk key');
  await cara.page.getByRole('link', { name: 'Continue' }).click();
  await cara.page.getByRole('button', { name: 'Make the vault' }).click();
  const secret = await cara.page.locator('.secret').textContent();
  await look(cara, 'recovery');
  await cara.page.getByLabel(/I have printed it/).check();
  await cara.page.getByLabel(/last five characters/).fill('WRONG');
  await cara.page.getByRole('button', { name: 'Publish the vault' }).click();
  await cara.page.getByText('These are not the last five').waitFor();
  await cara.page.getByLabel(/last five characters/).fill(secret.replace(/\s/g, '').slice(-5));
  await cara.page.getByRole('button', { name: 'Publish the vault' }).click();
  await cara.page.getByText('opens the vault').waitFor();
  await look(cara, 'vault-published');

  const carl = await person('carl', { onPhone: true, colorScheme: 'dark' });
  await enrol(carl, carlLink, 'Carl’s phone');
  const numbers = await carl.page.locator('p.mono.lead').textContent();
  await cara.page.reload();
  await cara.page.getByRole('button', { name: 'Give access' }).first().click();
  const seen = await cara.page.locator('dialog p.mono.lead').textContent();
  assert.equal(seen, numbers, 'both screens show the same numbers');
  await look(cara, 'grant-dialog');
  await cara.page.getByLabel(/sees the same numbers/).check();
  await cara.page.locator('dialog').getByRole('button', { name: 'Give access' }).click();
  await cara.page.getByText('Carl Custodian can open the vault now').waitFor();
  await look(cara, 'granted');

  // Sign out, sign in, with the vault page saying so.
  await carl.page.goto(site + '/desk/vault');
  await carl.page.getByText('opens the vault').first().waitFor();
  await look(carl, 'vault-phone');
  await carl.page.getByRole('button', { name: 'Sign out' }).click();
  await look(carl, 'signin-phone');
  await carl.page.getByRole('button', { name: 'Use my passkey' }).click();
  await carl.page.getByRole('heading', { name: 'Desk' }).waitFor();

  // A third custodian recovers with the paper key.
  await admin.page.goto(site + '/desk/people');
  const rosaLink = await invite(admin, 'Rosa Recovery', 'custodian');
  const rosa = await person('rosa');
  await enrol(rosa, rosaLink, 'Rosa key');
  await rosa.page.goto(site + '/desk/vault');
  await rosa.page.getByText('Use the recovery key instead').click();
  await rosa.page.getByLabel('The recovery key, from paper').fill('AGE-SECRET-KEY-1NOPE');
  await rosa.page.getByRole('button', { name: 'Open the vault for this device' }).click();
  await rosa.page.getByText('This is not a recovery key').waitFor();
  await rosa.page.getByLabel('The recovery key, from paper').fill(secret.toLowerCase());
  await look(rosa, 'recover');
  await rosa.page.getByRole('button', { name: 'Open the vault for this device' }).click();
  await rosa.page.getByText('Rosa Recovery can open the vault now').waitFor();

  // Synced passkey refused in words.
  const syncLink = await invite(admin, 'Sam Synced', 'requester');
  const sam = await person('sam', { passkey: { defaultBackupEligibility: true, defaultBackupState: true } });
  await sam.page.goto(syncLink);
  await sam.page.getByLabel(/Name of this device/).fill('Cloud');
  await sam.page.getByRole('button', { name: 'Make my passkey' }).click();
  await sam.page.getByText(/copied between devices through an account. Use/).waitFor();
  await look(sam, 'synced-refused');

  // Auditor.
  await op.page.goto(site + '/desk/people');
  const auditLink = await invite(op, 'Olga Auditor', 'auditor');
  await look(op, 'people-operator');
  const olga = await person('olga');
  await enrol(olga, auditLink, 'Audit key');
  await olga.page.goto(site + '/desk/agencies');
  await olga.page.getByRole('button', { name: 'Suspend' }).click();
  await olga.page.getByLabel('Reason').fill('Requests without a case number.');
  await look(olga, 'suspend');
  await olga.page.locator('dialog').getByRole('button', { name: 'Suspend' }).click();
  await olga.page.getByRole('button', { name: 'Restore' }).waitFor();
  await look(olga, 'suspended');
  await admin.page.goto(site + '/desk/people');
  await admin.page.getByLabel('Name', { exact: true }).fill('Nora');
  await admin.page.getByRole('button', { name: 'Invite', exact: true }).click();
  await admin.page.getByText(/suspended agency can do nothing/i).waitFor();
  await look(admin, 'refused');
  await olga.page.getByRole('button', { name: 'Restore' }).click();
  await olga.page.getByLabel('Reason').fill('Trained.');
  await olga.page.locator('dialog').getByRole('button', { name: 'Restore' }).click();
  await olga.page.getByRole('button', { name: 'Suspend' }).waitFor();
  await olga.page.goto(site + '/desk/audit');
  await olga.page.getByLabel('Number of the entry').fill('7');
  await olga.page.getByLabel('Reason').fill('Yearly review.');
  await olga.page.getByRole('button', { name: 'Open the private values' }).click();
  await olga.page.getByText('Values of entry 7').waitFor();
  await look(olga, 'audit');

  // Remove.
  await admin.page.goto(site + '/desk/people');
  await admin.page.getByRole('row', { name: /Carl/ }).getByRole('button', { name: 'Remove' }).click();
  await look(admin, 'remove-dialog');
  await admin.page.locator('dialog').getByRole('button', { name: 'Remove' }).click();
  await admin.page.getByText('is removed and signed out everywhere').waitFor();
  await carl.page.goto(site + '/desk/vault');
  await carl.page.getByText('You are not signed in').waitFor();
  // used link
  const late = await person('late');
  await late.page.goto(caraLink);
  await late.page.getByText('Ask whoever invited you').waitFor();
  await look(late, 'used-link');
  assert.deepEqual(complaints, []);
} catch (e) {
  for (const context of browser.contexts()) for (const page of context.pages()) console.error(page.url(), await page.locator('main').innerText().catch(() => ''));
  throw e;
} finally {
  await browser.close();
}
