// The app's words. One catalogue (web/messages/*.json) serves the app and the
// server's pages; a language is loaded when it is first needed.
import type en from '../../../../messages/en.json';

export const languages = { en: 'English', es: 'Español', nl: 'Nederlands' } as const;
export type Lang = keyof typeof languages;
export type Key = keyof typeof en;
/** A key with plural forms: "x" for the messages "x.one" and "x.other". */
export type PluralKey = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;
export type Params = Record<string, string | number>;
type Catalogue = Record<string, string>;

const loaders = import.meta.glob<Catalogue>('../../../../messages/*.json', { import: 'default' });
const state = $state<{ lang: Lang; messages: Catalogue }>({ lang: 'en', messages: {} });

export const isLang = (s: unknown): s is Lang => typeof s === 'string' && Object.hasOwn(languages, s);

/** The language kept on this device, else the first the browser asks for that we speak, else English. */
export function preferredLang(cookie = document.cookie, wanted: readonly string[] = navigator.languages): Lang {
  const kept = cookie.match(/(?:^|; )lang=(\w+)/)?.[1];
  if (isLang(kept)) return kept;
  return wanted.map((l) => l.slice(0, 2).toLowerCase()).find(isLang) ?? 'en';
}

/** Loads a language and shows it; every t() on the page follows. */
export async function setLang(lang: Lang, keep = false): Promise<void> {
  const load = loaders[`../../../../messages/${lang}.json`];
  if (!load) throw new Error(`no messages for ${lang}`);
  state.messages = await load();
  state.lang = lang;
  if (typeof document === 'undefined') return;
  document.documentElement.lang = lang;
  if (keep) keepOnDevice('lang', lang);
}

/** Keeps a preference for a year, where the server's pages see it too. */
export function keepOnDevice(name: 'lang' | 'theme', value: string): void {
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
}

export const lang = (): Lang => state.lang;

/** The message of a key, with {name} placeholders filled in. */
export function t(key: Key, params: Params = {}): string {
  return fill(state.messages[key] ?? key, params);
}

/** The message of key + ".one" / ".other" for n; {n} is n, written the language's way. */
export function plural(key: PluralKey, n: number, params: Params = {}): string {
  const form = new Intl.PluralRules(state.lang).select(n);
  const text = state.messages[`${key}.${form}`] ?? state.messages[`${key}.other`] ?? key;
  return fill(text, { n: number(n), ...params });
}

/** For keys built from data (a status, a role): the message, or what stands in for one that does not exist. */
export function tOr(key: string, otherwise: string, params: Params = {}): string {
  const text = state.messages[key];
  return text === undefined ? otherwise : fill(text, params);
}

function fill(text: string, params: Params): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole));
}

export const number = (n: number, options?: Intl.NumberFormatOptions): string =>
  new Intl.NumberFormat(state.lang, options).format(n);

/** Bytes for people: "3.4 MB" (decimal units). */
export function bytes(n: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const step = n < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
  return number(n / 1000 ** step, {
    style: 'unit',
    unit: units[step],
    unitDisplay: step === 0 ? 'long' : 'short',
    maximumFractionDigits: step === 0 ? 0 : 1,
  });
}
