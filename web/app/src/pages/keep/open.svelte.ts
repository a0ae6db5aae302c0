// Opening items in this browser. Vault identities are kept in memory while the
// app is open: the passkey that signs a view also opens them.
import { base64 } from '@scure/base';
import { Decrypter } from 'age-encryption';
import { deviceKeys } from '$lib/keys/keys';
import { openVaults, openVaultsWith, NoVaultKey, type Vaults } from '$lib/keys/vault';
import { act, type Acted } from '$lib/act';
import type { Opened } from '$lib/api/client';
import type { Letter } from '$lib/seal/letter';
import { openHeader } from '$lib/vault/age';

let vaults: Vaults | undefined;

/** An item as this browser can read it. */
export interface OpenItem {
  opened: Opened;
  entry: number;
  /** 16 bytes; opens the payload. */
  fileKey: Uint8Array;
  /** Absent when none came with the item, or a part of it for partners. */
  letter?: Partial<Letter>;
  notes: { id: string; text: string; by: string; at: string }[];
}

/** The act item.view, then everything it released, decrypted. Throws Problems, PasskeyRefused, NoVaultKey. */
export async function viewItem(id: string, purpose: string): Promise<OpenItem> {
  return open(await act('item.view', '/api/v1/items/{item}/view', { path: { item: id }, body: purpose ? { purpose } : {} }));
}

/** The act item.export, and the same. */
export async function exportItem(id: string, form: 'ciphertext' | 'plaintext', purpose: string): Promise<OpenItem> {
  return open(await act('item.export', '/api/v1/items/{item}/export', { path: { item: id }, body: { form, purpose } }));
}

async function open({ data, entry, prf }: Acted<Opened>): Promise<OpenItem> {
  if (prf) vaults = await openVaultsWith(prf);
  if (!vaults) throw new NoVaultKey('the passkey gave no key');
  const fileKey = await firstThatOpens((identity) => openHeader(base64.decode(data.header), identity));
  const letter = data.letter ? (JSON.parse(await openText(data.letter)) as Partial<Letter>) : undefined;
  const notes = await Promise.all(data.notes.map(async (n) => ({ id: n.id, by: n.by, at: n.at, text: await openText(n.sealed) })));
  return { opened: data, entry, fileKey, letter, notes };
}

/** Takes a printed recovery key in place of the passkey's. Throws NoVaultKey. */
export async function useIdentity(identity: string): Promise<void> {
  vaults = await openVaults(identity);
}

/** For pages that already have a PRF output, as after signing in. */
export async function usePrf(prf: Uint8Array): Promise<void> {
  await useIdentity((await deviceKeys(prf)).identity);
}

/** The text of a small age file (base64) sealed to one of the vaults. */
export async function openText(sealed: string): Promise<string> {
  return firstThatOpens((identity) => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    return decrypter.decrypt(base64.decode(sealed), 'text');
  });
}

/** The vault in use first, older ones after: keys may have been replaced since. */
async function firstThatOpens<T>(f: (identity: string) => Promise<T>): Promise<T> {
  let failure: unknown = new NoVaultKey('no vault key for this device');
  for (const identity of vaults?.values() ?? []) {
    try {
      return await f(identity);
    } catch (e) {
      failure = e;
    }
  }
  throw failure;
}
