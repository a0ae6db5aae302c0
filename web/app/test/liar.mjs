// A resident at a server that lies to her (web/liar_test.go):
//   node test/liar.mjs SITE REQUEST_ID [SCREENSHOT_DIR]
// Prints JSON: what each lie made the page say, and what it offered.
import { openBrowser } from './lib/browser.mjs';

const [site, request, shots] = process.argv.slice(2);
const { browser, person, look, complaints } = await openBrowser(site, shots);

async function told(lie, path) {
  const victim = await person(lie, { onPhone: true, serviceWorkers: 'block', extraHTTPHeaders: { Lie: lie } });
  const { page, context } = victim;
  await page.addInitScript(() => localStorage.setItem('porchlight.place', JSON.stringify({ lat: 39.752, lng: -89.648 })));
  await page.goto(path);
  await page.locator('[role=alert], a[href$="/share"], main button.primary').first().waitFor();
  await look(victim, `lie-${lie}`);
  const seen = { Alert: (await page.locator('[role=alert]').allTextContents()).join('\n'), Page: await page.locator('main').innerText() };
  await context.close();
  return seen;
}

try {
  const share = `/r/${request}/share`;
  const seen = {};
  for (const lie of ['near', 'feed-key', 'feed-request', 'feed-signature']) seen[lie] = await told(lie, '/near');
  for (const lie of ['share', 'request', 'vault', 'vault-unsigned', 'vault-stranger']) seen[lie] = await told(lie, share);
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
