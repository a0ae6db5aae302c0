import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { bytes, number, plural, preferredLang, setLang, t, tOr, type PluralKey } from './index.svelte';

const web = new URL('../../../../', import.meta.url).pathname;
const catalogue = (lang: string): Record<string, string> =>
  JSON.parse(readFileSync(join(web, 'messages', `${lang}.json`), 'utf8'));
const en = catalogue('en');
const home = catalogue('home/en'); // of porchlight home: src/home

describe('the catalogues', () => {
  const holders = (text: string | undefined) => [...new Set(text?.match(/\{\w+\}/g))].sort();

  test.each(['es', 'nl'])('%s has the keys and placeholders of English', (lang) => {
    const other = catalogue(lang);
    expect(Object.keys(other).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(en)) {
      expect(other[key], `${lang} ${key}`).toBeTruthy();
      expect(holders(other[key]), `${lang} ${key}`).toEqual(holders(text));
    }
  });

  test.each(['es', 'nl'])('home/%s has the keys and placeholders of English', (lang) => {
    const other = catalogue(`home/${lang}`);
    expect(Object.keys(other).sort()).toEqual(Object.keys(home).sort());
    for (const [key, text] of Object.entries(home)) expect(holders(other[key]), `${lang} ${key}`).toEqual(holders(text));
  });

  test('a plural has both forms', () => {
    for (const [key, text] of Object.entries(en)) {
      const [, base, form] = key.match(/^(.*)\.(one|other)$/) ?? [];
      if (form === 'one') expect(en, key).toHaveProperty([`${base}.other`]);
      else if (base && text.includes('{n}')) expect(en, key).toHaveProperty([`${base}.one`]);
    }
  });

  test('unused keys are reported', () => {
    const walk = (dir: string): string[] =>
      readdirSync(dir, { withFileTypes: true }).flatMap((e) => {
        if (/^\.|^(node_modules|dist|build|bin|demo-data)$/.test(e.name)) return [];
        const path = join(dir, e.name);
        if (e.isDirectory()) return walk(path);
        return /\.(svelte|ts|go|html)$/.test(path) && !/[_.]test\.(go|ts)$/.test(path) ? [readFileSync(path, 'utf8')] : [];
      });
    const sources = walk(join(web, '..')).join('\n');
    const found = (pattern: RegExp) => new Set([...sources.matchAll(pattern)].map((m) => m[1]));
    const literals = found(/['"`]([\w.-]+)(?=['"`$])/g);
    const families = found(/word "([\w.-]+)"/g);
    const unused = Object.keys({ ...en, ...home }).filter((key) => {
      const base = key.replace(/\.(one|other)$/, '');
      const prefixes = [...base.matchAll(/[.-]/g)].map((m) => base.slice(0, m.index + 1));
      return !literals.has(key) && !literals.has(base) && !prefixes.some((p) => literals.has(p) || families.has(p.slice(0, -1)));
    });
    if (unused.length > 0) console.warn(`${unused.length} unused message keys: ${unused.join(', ')}`);
  });
});

describe('speaking', () => {
  beforeEach(() => setLang('en'));

  test('placeholders', () => {
    expect(t('ui.step', { n: 2, all: 5 })).toBe('Step 2 of 5');
    expect(t('ui.step', { n: 2 })).toBe('Step 2 of {all}');
  });

  test('a message that does not exist', () => {
    expect(tOr('no.such.key', 'stands in')).toBe('stands in');
    expect(plural('no.such' as PluralKey, 1)).toBe('no.such');
  });

  test('numbers and sizes the language’s way', async () => {
    expect(number(1234.5)).toBe('1,234.5');
    expect(bytes(999)).toBe('999 bytes');
    expect(bytes(3_400_000)).toBe('3.4 MB');
    await setLang('nl');
    expect(number(1234.5)).toBe('1.234,5');
    expect(t('ui.close')).toBe('Sluiten');
  });

  test('the language kept here wins over what the browser asks for', () => {
    expect(preferredLang('', ['fr-FR', 'es-MX'])).toBe('es');
    expect(preferredLang('theme=dark; lang=nl', ['es'])).toBe('nl');
    expect(preferredLang('lang=xx', ['zh'])).toBe('en');
  });
});
