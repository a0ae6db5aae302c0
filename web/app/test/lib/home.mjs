// People of a house at their browsers, and what they ask for in the house's words.
import { readFileSync } from 'node:fs';
import { openBrowser, words } from './browser.mjs';

/** A message of the house's catalogue, or of the shared one. */
export function homeWords(lang = 'en') {
  const shared = words(lang);
  const home = JSON.parse(readFileSync(new URL(`../../../messages/home/${lang}.json`, import.meta.url), 'utf8'));
  return (key, params = {}) => (key in home ? home[key].replace(/\{(\w+)\}/g, (all, name) => params[name] ?? all) : shared(key, params));
}

/**
 * The browser of a walk through the house at site, where link lets the first device in.
 * enter lets somebody in and gives, beside what person of openBrowser does, her ways to look for things.
 */
export async function openHouse(site, link, shots) {
  const opened = await openBrowser(site, shots);
  const t = homeWords();

  /** Somebody with a browser, who is not let in yet. */
  async function stranger(name, is = {}) {
    const one = await opened.person(name, { onPhone: true, ...is });
    const { page, context } = one;
    return {
      ...one,
      button: (key, params) => page.getByRole('button', { name: t(key, params), exact: true }),
      heading: (key, params) => page.getByRole('heading', { name: t(key, params), exact: true }),
      text: (key, params) => page.getByText(t(key, params), { exact: true }),
      toggle: (key) => page.getByRole('switch', { name: t(key), exact: true }),
      dialog: page.locator('dialog[open]'),
      /** A card of a list, by what it says. */
      card: (says) => page.locator('.card', { hasText: says }),
      /** What the house's API answers. */
      api: (path) => context.request.get(`/api/v1${path}`).then((r) => r.json()),
    };
  }

  /** Somebody whose device the link lets in. */
  async function enter(name, device, is) {
    const one = await stranger(name, is);
    await one.page.goto(link);
    await one.page.getByLabel(t('home.pair-name')).fill(device);
    await one.button('home.pair-do').tap();
    await one.page.getByRole('heading', { name: t('home.live'), level: 1 }).waitFor();
    return one;
  }

  return { ...opened, t, stranger, enter };
}

/** Walks to the end, and says where it stopped if it does not get there. */
export async function walk({ browser, complaints }, story) {
  try {
    await story();
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  } catch (e) {
    for (const context of browser.contexts()) for (const page of context.pages()) console.error(page.url(), await page.locator('main').innerText({ timeout: 1000 }).catch(() => ''));
    throw e;
  } finally {
    await browser.close();
  }
}
