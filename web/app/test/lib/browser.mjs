// People at their browsers, and what must hold of every page they see.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

process.env.PW_EXPERIMENTAL_SERVICE_WORKER_NETWORK_EVENTS = '1'; // what a service worker fetches is seen too

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 900 };
/** How long a step may take: the machine may do much else. */
const patience = Number(process.env.WALK_PATIENCE ?? 180_000); // ms
const touch = { viewport: phone, isMobile: true, hasTouch: true };

/** A message of the catalogue, so that the story follows the words. */
const catalogues = {};
export function words(lang = 'en') {
  catalogues[lang] ??= JSON.parse(readFileSync(new URL(`../../../messages/${lang}.json`, import.meta.url), 'utf8'));
  return (key, params = {}) => {
    const text = catalogues[lang][key];
    if (text === undefined) throw new Error(`no message ${key}`);
    return text.replace(/\{(\w+)\}/g, (all, name) => params[name] ?? all);
  };
}

/** The browser of a story: people, the pictures of what they see (none without a folder) and the complaints about it. Only maps are drawn by a graphics card in software: pages take twice the work with it. */
export async function openBrowser(site, shots) {
  if (shots) mkdirSync(shots, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    timeout: patience,
    args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--disable-gpu', '--enable-unsafe-swiftshader'],
  });
  const complaints = [];
  const complain = (where, what) => {
    complaints.push(`${where}: ${what}`);
    console.error(`  ! ${where}: ${what}`);
  };
  let cut = false; // the connection is cut on purpose: failed loads are expected

  /** Somebody with a browser of her own; a phone with onPhone, a device-bound passkey with passkey (true, or what is odd about it). */
  async function person(name, { onPhone = false, passkey, ...options } = {}) {
    const context = await browser.newContext({
      baseURL: site, locale: 'en-US', timezoneId: 'America/Chicago', reducedMotion: 'reduce', acceptDownloads: true, ...(onPhone ? touch : { viewport: desk }), ...options,
    });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    page.on('pageerror', (e) => complain(name, e.stack ?? e.message));
    page.on('console', (m) => {
      if (m.type() !== 'error') return;
      const { url } = m.location();
      // The browser itself writes an error for each answer of 4xx, which the page then explains, and while there is no connection.
      if (/status of 4\d\d/.test(m.text()) && url.includes('/api/')) return;
      if (cut && /net::ERR_|status of 50[234]/.test(m.text())) return;
      complain(name, `console: ${m.text()} ${url}`);
    });
    page.on('request', (r) => !/^(data|blob):/.test(r.url()) && new URL(r.url()).origin !== site && complain(name, `asked a third party: ${r.url()}`));
    const cdp = await context.newCDPSession(page);
    if (passkey) {
      await cdp.send('WebAuthn.enable');
      await cdp.send('WebAuthn.addVirtualAuthenticator', {
        options: {
          protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
          hasPrf: true, automaticPresenceSimulation: true, defaultBackupEligibility: false, defaultBackupState: false, ...(passkey === true ? {} : passkey),
        },
      });
    }
    return { name, context, page, cdp };
  }

  /** Waits until the page stands: maps drawn, nothing still loading. */
  async function settled(page) {
    await page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('.skeleton, .still.coming') && [...document.images].every((i) => i.complete));
    await page.waitForFunction(() => !document.querySelector('.map:not([hidden], [data-drawn])')); // Map.svelte
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))); // what is drawn is on the screen a frame later
  }

  /** Looks at the whole page once: what comes as it comes into sight comes. */
  const leaf = (page) =>
    page.evaluate(async () => {
      for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
        scrollTo(0, y);
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      }
      scrollTo(0, 0);
    });

  async function ask(page, where) {
    await page.evaluate(axe); // through the debugger: the page's own policy would refuse it
    const violations = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations));
    for (const v of violations)
      if (['serious', 'critical'].includes(v.impact))
        complain(where, `axe ${v.impact} ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} (${n.failureSummary?.split('\n')[1]?.trim() ?? ''})`).join('; ')}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) complain(where, `${over} px wider than the window`);
  }

  /** Photographs what somebody sees and checks it; whole: at both widths, light and dark; top: only what the window shows. */
  async function look({ page }, what, { whole = false, top = false } = {}) {
    if (process.env.STORY_QUICK) return;
    const size = page.viewportSize();
    const both = whole ? [phone, desk] : [size];
    for (const viewport of both) {
      if (viewport.width !== page.viewportSize().width) await page.setViewportSize(viewport);
      for (const colorScheme of whole ? ['light', 'dark'] : [undefined]) {
        // Each width and each theme once: the rules look at one or the other.
        const asked = !whole || (viewport === phone) === (colorScheme === 'light');
        if (!asked && !shots) continue;
        if (colorScheme) await page.emulateMedia({ colorScheme });
        const fullPage = !top && !(await page.locator('dialog[open]').count());
        if (shots && fullPage) await leaf(page);
        await settled(page);
        const where = [what, viewport.width, colorScheme].filter(Boolean).join('-');
        if (shots) await page.screenshot({ path: join(shots, `${where}.png`), fullPage });
        if (asked) await ask(page, where);
      }
    }
    if (whole) {
      await page.emulateMedia({ colorScheme: null });
      await page.setViewportSize(size);
    }
  }

  return { browser, person, look, settled, complaints, shots, cutting: (on) => (cut = on) };
}

/** Presses Tab until target has the focus. */
export async function tabTo(page, target) {
  for (let i = 0; i < 120; i++) {
    if (await target.evaluate((e) => e === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${target}`);
}

/** Focuses a field by Tab and types into it, replacing what it holds. */
export async function type(page, target, text) {
  await tabTo(page, target);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

/** Presses a button or link by keyboard. */
export async function press(page, target, key = 'Enter') {
  await tabTo(page, target);
  await page.keyboard.press(key);
}
