// The parts of the age v1 format (https://age-encryption.org/v1) that a
// custodian's browser needs one by one: open a header to its 16-byte file key,
// seal that key to another vault, and decrypt single 64 KiB chunks of a payload
// so that a player can seek. Whole files are age-encryption's job.

import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64nopad, bech32 } from '@scure/base';
import { Decrypter } from 'age-encryption';

/** Bytes of plaintext in every chunk but the last. */
export const CHUNK = 64 * 1024;
const TAG = 16;
const SEALED_CHUNK = CHUNK + TAG;
/** Bytes before the first chunk of a payload. */
export const NONCE = 16;

const utf8 = new TextEncoder();

/** The file key in a detached header. Throws when the identity does not fit or the MAC is wrong. */
export async function openHeader(header: Uint8Array, identity: string): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decryptHeader(header);
}

/** A new header with which each recipient ("age1...") opens the same payload. */
export function sealHeader(fileKey: Uint8Array, recipients: string[]): Uint8Array {
  if (fileKey.length !== 16) throw new Error('an age file key has 16 bytes');
  if (recipients.length === 0) throw new Error('a header needs a recipient');
  const body = 'age-encryption.org/v1\n' + recipients.map((r) => stanza(fileKey, r)).join('') + '---';
  const macKey = hkdf(sha256, fileKey, undefined, utf8.encode('header'), 32);
  const mac = hmac(sha256, macKey, utf8.encode(body));
  return utf8.encode(`${body} ${base64nopad.encode(mac)}\n`);
}

function stanza(fileKey: Uint8Array, recipient: string): string {
  const { prefix, bytes: theirs } = bech32.decodeToBytes(recipient);
  if (prefix !== 'age' || theirs.length !== 32) throw new Error('not an age X25519 recipient');
  const secret = x25519.utils.randomSecretKey();
  const share = x25519.getPublicKey(secret);
  const salt = new Uint8Array([...share, ...theirs]);
  const shared = x25519.getSharedSecret(secret, theirs); // throws on a low-order point
  const wrap = hkdf(sha256, shared, salt, utf8.encode('age-encryption.org/v1/X25519'), 32);
  const sealed = chacha20poly1305(wrap, new Uint8Array(12)).encrypt(fileKey);
  return `-> X25519 ${base64nopad.encode(share)}\n${base64nopad.encode(sealed)}\n`;
}

/** The key of a payload's chunks, from the file key and the payload's first NONCE bytes. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return hkdf(sha256, fileKey, nonce, utf8.encode('payload'), 32);
}

/** Bytes of plaintext in a payload of size bytes, its nonce included. */
export function plaintextSize(size: number): number {
  const sealed = size - NONCE;
  const last = sealed % SEALED_CHUNK;
  if (sealed < TAG || (last > 0 && last < TAG) || (last === TAG && sealed > TAG)) {
    throw new Error('not the size of an age payload');
  }
  return sealed - TAG * Math.ceil(sealed / SEALED_CHUNK);
}

/** Chunks in a payload of size bytes. */
export function chunkCount(size: number): number {
  return Math.ceil((size - NONCE) / SEALED_CHUNK);
}

/** Where chunks first..last (inclusive) stand in a payload of size bytes; end is exclusive. */
export function chunkRange(size: number, first: number, last: number): { start: number; end: number } {
  return { start: NONCE + first * SEALED_CHUNK, end: Math.min(NONCE + (last + 1) * SEALED_CHUNK, size) };
}

/** The plaintext of chunk index; last says whether it is the payload's last. Throws on any changed byte. */
export function openChunk(key: Uint8Array, index: number, last: boolean, sealed: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(3, Math.floor(index / 2 ** 32));
  view.setUint32(7, index % 2 ** 32);
  nonce[11] = last ? 1 : 0;
  return chacha20poly1305(key, nonce).decrypt(sealed);
}

/** The plaintext of successive sealed chunks, of which the first has the given index. */
export function openChunks(key: Uint8Array, first: number, count: number, sealed: Uint8Array): Uint8Array {
  const out = new Uint8Array(sealed.length - TAG * Math.ceil(sealed.length / SEALED_CHUNK));
  for (let i = 0, at = 0; i < sealed.length; i += SEALED_CHUNK) {
    const index = first + i / SEALED_CHUNK;
    const plain = openChunk(key, index, index === count - 1, sealed.subarray(i, i + SEALED_CHUNK));
    out.set(plain, at);
    at += plain.length;
  }
  return out;
}
