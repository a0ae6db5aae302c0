// The words a resident agrees to. What she sees is what is sent and hashed, so
// nothing here may tell more about her than the choice itself.
import { t, plural } from '$lib/i18n/index.svelte';
import type { Disclosure } from '$lib/seal/letter';
import type { Asked } from './request';

/** Raised whenever the meaning of the text changes. */
export const consentVersion = '2026-11';

const identity = {
  'through-porchlight': 'answer.consent-porchlight',
  email: 'answer.consent-email',
  address: 'answer.consent-address',
} as const;

/** One sentence a line. */
export function consentText({ agency }: Asked, disclosure: Disclosure, clips: number): string[] {
  return [
    plural('answer.consent-hold', clips, { agency: agency.name }),
    t('answer.consent-keep', { agency: agency.name }),
    t('answer.consent-see', { agency: agency.name }),
    t('answer.consent-back', { agency: agency.name }),
    t(identity[disclosure], { agency: agency.name }),
  ];
}
