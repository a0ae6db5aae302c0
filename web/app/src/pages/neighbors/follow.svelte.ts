// Pages that somebody without an account opens with her link, in the address after #.
import type { Schemas } from '$lib/api/client';
import { t } from '$lib/i18n/index.svelte';
import { opened, type Bearer } from '$lib/neighbor';
import { place } from '$lib/router.svelte';
import { capability, type Capability } from '$lib/seal/capability';

/** What the link opens, read again whenever the address has another. For the start of a component. */
export class Followed<T> {
  readonly secret = $derived(place.hash.slice(1));
  cap = $state.raw<Capability>();
  data = $state.raw<T>();
  failure = $state.raw<unknown>();
  /** No such link, or none any more. */
  unknown = $state(false);

  constructor(private readonly read: (cap: Capability, link: string) => Promise<T>) {
    $effect(() => {
      if (this.secret) void this.load();
    });
  }

  async load(): Promise<void> {
    const link = this.secret;
    this.failure = undefined;
    this.unknown = false;
    try {
      this.cap = await capability(link);
      this.data = await this.read(this.cap, link);
    } catch (e) {
      if ((e as { status?: number }).status === 404 || (e as Error).message === 'not a follow-up link') this.unknown = true;
      else this.failure = e;
    }
  }
}

export interface Letter {
  id: string;
  mine: boolean;
  at: string;
  text: string;
}

/** The letters of both sides, opened; owner: the bearer is the owner of what they are about. */
export const lettersOf = (b: Bearer, messages: readonly Schemas['MessageView'][], owner: boolean): Promise<Letter[]> =>
  Promise.all(messages.map(async (m) => ({ id: m.id, mine: m.from_owner === owner, at: m.at, text: (await opened(b, m.sealed)) ?? t('told.unreadable') })));
