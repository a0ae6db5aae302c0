// A one-time invitation: the token is made here, goes into the link's fragment,
// and only its hash goes to the exchange.
import { sha256 } from '@noble/hashes/sha2.js';
import { base64, base64urlnopad } from '@scure/base';

export interface Invitation {
  link: string;
  fields: { token_hash: string; expires: string };
}

const DAYS = 7;

export function newInvitation(origin = location.origin, now = Date.now()): Invitation {
  const token = base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(32)));
  return {
    link: `${origin}/enrol#${token}`,
    fields: {
      token_hash: base64.encode(sha256(new TextEncoder().encode(token))),
      expires: new Date(now + DAYS * 86_400_000).toISOString(),
    },
  };
}
