import { describe, expect, test } from 'vitest';
import vectors from '../../../../../testdata/consent.json';
import { setLang, type Lang } from '$lib/i18n/index.svelte';
import type { Disclosure } from '$lib/seal/letter';
import { consentText, consentVersion } from './consent';
import type { Asked } from './request';

// porchlight home builds the same in Go (share/client).
describe('what is agreed to', () => {
  test.each(vectors)('$lang, $disclosure, $clips', async (v) => {
    await setLang(v.lang as Lang);
    const asked = { agency: { ori: v.ori, name: v.agency } } as Asked;
    const text = consentText(asked, v.disclosure as Disclosure, v.clips).join('\n');
    expect(JSON.stringify({ version: consentVersion, language: v.lang, text, identity: v.disclosure, agency: v.ori, request: v.request })).toBe(v.consent);
  });
});
