// A resident's follow-up link, and what is derived from it (docs/architecture.md,
// Keys). Go derives the same: testdata/keys/capability.json.

import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64urlnopad, bech32 } from '@scure/base';
import { identityToRecipient } from 'age-encryption';

export interface Capability {
  /** 16 random bytes, base64url without padding: the link's fragment. */
  secret: string;
  /** Sent as "Authorization: Capability <token>". */
  token: string;
  /** base64url SHA-256 of the token's bytes: all the exchange keeps of it. */
  tokenHash: string;
  /** age identity that opens what the agency writes. */
  identity: string;
  /** Its recipient. */
  recipient: string;
}

/** A fresh secret. */
export function newSecret(): string {
  return base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(16)));
}

/** A fresh 32-byte token, base64url, and its hash. */
export function newToken(): { token: string; hash: string } {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return { token: base64urlnopad.encode(bytes), hash: base64urlnopad.encode(sha256(bytes)) };
}

/** What a secret stands for. Throws when it is not a secret. */
export async function capability(secret: string): Promise<Capability> {
  let bytes: Uint8Array;
  try {
    bytes = base64urlnopad.decode(secret);
  } catch {
    throw new Error('not a follow-up link');
  }
  if (bytes.length !== 16) throw new Error('not a follow-up link');
  const derive = (info: string) => hkdf(sha256, bytes, new Uint8Array(0), new TextEncoder().encode(info), 32);
  const token = derive('porchlight capability token v1');
  const identity = bech32.encodeFromBytes('AGE-SECRET-KEY-', derive('porchlight capability identity v1')).toUpperCase();
  return {
    secret,
    token: base64urlnopad.encode(token),
    tokenHash: base64urlnopad.encode(sha256(token)),
    identity,
    recipient: await identityToRecipient(identity),
  };
}

/** The link a resident keeps. The fragment never reaches a server. */
export function link(secret: string, origin: string = location.origin): string {
  return `${origin}/clip#${secret}`;
}
