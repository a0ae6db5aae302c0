// The house's words: web/messages/home, with those of the shared components.
import * as lib from '$lib/i18n/index.svelte';
import type en from '../../../messages/home/en.json';

export { bytes, lang, number, preferredLang, setLang, tOr } from '$lib/i18n/index.svelte';

export type Key = keyof typeof en | lib.Key;
type PluralKey = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;

/** The message of a key, with {name} placeholders filled in. */
export const t = lib.t as (key: Key, params?: lib.Params) => string;
/** The message of key + ".one" / ".other" for n. */
export const plural = lib.plural as (key: PluralKey, n: number, params?: lib.Params) => string;
