// An agency's vault in this browser: opened with the passkey's PRF output, held
// in memory only, gone with the page.

import { base64 } from '@scure/base';
import { get, type WrappedKey } from '../api/client';
import { deviceKeys, unwrap } from './keys';

/** Vault recipients to identities. */
export type Vaults = ReadonlyMap<string, string>;

/** This device has no key to the vault yet; somebody who has must grant it. */
export class NoVaultKey extends Error {}

/** Opens every vault that this device, or the recovery key's identity, has a wrapped key for. Throws NoVaultKey when there is none. */
export async function openVaults(identity: string, keys?: readonly WrappedKey[]): Promise<Vaults> {
  const open = new Map<string, string>();
  for (const key of keys ?? (await get('/api/v1/vault/keys'))) {
    if (open.has(key.vault)) continue;
    try {
      open.set(key.vault, await unwrap(base64.decode(key.wrapped), identity, key.vault));
    } catch {
      continue; // another device's key, or damaged: the next may do
    }
  }
  if (open.size === 0) throw new NoVaultKey('no vault key for this device');
  return open;
}

/** As openVaults, from a PRF output: what a page does after act() or sign-in. */
export async function openVaultsWith(prf: Uint8Array): Promise<Vaults> {
  return openVaults((await deviceKeys(prf)).identity);
}
