// Keys that a passkey gives (docs/architecture.md, Keys). Go derives the same:
// testdata/keys/vectors.json.

import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bech32 } from '@scure/base';
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';

const utf8 = (text: string) => new TextEncoder().encode(text);

/** An age X25519 key pair. */
export interface KeyPair {
  /** AGE-SECRET-KEY-1...: opens. */
  identity: string;
  /** age1...: seals. */
  recipient: string;
}

/** What every passkey's PRF extension evaluates; the exchange asks for the same. */
export const prfInput: Uint8Array = sha256(utf8('porchlight prf v1'));

/** The device's own key pair, from the 32 bytes of its passkey's PRF output. */
export async function deviceKeys(prf: Uint8Array): Promise<KeyPair> {
  if (prf.length !== 32) throw new Error(`a PRF output has 32 bytes, not ${prf.length}`);
  const seed = hkdf(sha256, prf, new Uint8Array(0), utf8('porchlight device v1'), 32);
  return pair(bech32.encodeFromBytes('AGE-SECRET-KEY-', seed).toUpperCase());
}

/** A fresh key pair: a vault, or a recovery key. */
export async function newKeys(): Promise<KeyPair> {
  return pair(await generateX25519Identity());
}

/** The pair of an identity. Throws when it is not one. */
export async function pair(identity: string): Promise<KeyPair> {
  return { identity, recipient: await identityToRecipient(identity) };
}

/** An identity as an age file that only recipient can open. */
export async function wrap(identity: string, recipient: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(identity);
}

/** The vault identity in a wrapped key. Throws when it is not that of the vault it claims to be. */
export async function unwrap(file: Uint8Array, identity: string, vault: string): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const found = await decrypter.decrypt(file, 'text');
  if ((await identityToRecipient(found)) !== vault) throw new Error('this wrapped key belongs to another vault');
  return found;
}

/** A recipient as people compare it, on two screens or over the phone: six groups of four digits. */
export function fingerprint(recipient: string): string {
  const hash = sha256(utf8(`porchlight fingerprint v1\n${recipient}`));
  const groups: string[] = [];
  for (let i = 0; i < 6; i++) {
    groups.push(String((((hash[2 * i] ?? 0) << 8) | (hash[2 * i + 1] ?? 0)) % 10_000).padStart(4, '0'));
  }
  return groups.join(' ');
}

/** A recovery key as it is printed: its secret in groups of five, so that it can be typed. */
export function printable(identity: string): string {
  const prefix = 'AGE-SECRET-KEY-1';
  const secret = identity.slice(prefix.length);
  return [prefix, ...(secret.match(/.{1,5}/g) ?? [])].join(' ');
}

/** The identity in what somebody typed from paper. Throws when a letter is wrong (bech32 checks it). */
export async function fromPrint(text: string): Promise<KeyPair> {
  return pair(text.replace(/\s/g, '').toUpperCase());
}
