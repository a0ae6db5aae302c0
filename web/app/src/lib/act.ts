// The client side of a signed act over HTTP (docs/architecture.md). Every page
// that changes or reveals something goes through act().

import { sha256 } from '@noble/hashes/sha2.js';
import { base64, base64urlnopad } from '@scure/base';
import { send, type Answer, type Input, type Schemas, type SignedPath } from './api/client';
import type { paths } from './api/schema';
import { get, type RequestOptions } from './keys/passkey';
import { problemOf } from './problem';
import { ulid } from './ulid';

export interface Acted<T> {
  data: T;
  /** Index of the act's entry in the ledger. */
  entry: number;
  /** The passkey's PRF output, if it was asked and can: opens this device's keys. */
  prf?: Uint8Array;
}

export interface ActOptions {
  /** Id of the act. Keep it to repeat an act whose answer was lost. */
  id?: string;
  /** Commitments made on this device: name to standard base64. The act must carry them as they are. */
  sealed?: Record<string, string>;
  /** The public values that the act must have, all of them: for what is decided by what the entry says. */
  public?: Record<string, string>;
}

/** What is about to be signed is not what was asked for. The exchange, or something before it, is at fault. */
export class ActMismatch extends Error {}

type SignatureRequired = Required<Pick<Schemas['Problem'], 'act' | 'nonce'>> & Pick<Schemas['Problem'], 'disclosures'> & { options: RequestOptions };

/**
 * Sends an act ("noun.verb") and, when asked, signs exactly it with the passkey.
 * Throws a Problem, PasskeyRefused or ActMismatch.
 */
export async function act<P extends SignedPath>(
  action: string,
  to: P,
  input: Omit<Input<paths[P]['post']>, 'header' | 'query'>,
  options: ActOptions = {},
): Promise<Acted<Answer<paths[P]['post']>>> {
  const { id = ulid(), sealed = {}, public: values } = options;
  const header: Record<string, string> = { 'Porchlight-Act': id };
  let prf: Uint8Array | undefined;
  for (let asked = 0; ; asked++) {
    try {
      const { data, headers } = await send<Answer<paths[P]['post']>>('post', to, { ...(input as object), header });
      return { data, entry: Number(headers.get('Porchlight-Entry')), ...(prf && { prf }) };
    } catch (e) {
      const problem = problemOf(e);
      // Asked again when what is signed changed meanwhile, e.g. a colleague acted on the same clip.
      if (problem.type !== '/problems/signature-required' || asked === 3) throw e;
      const ask = problem as unknown as SignatureRequired;
      checkAct(ask, action, id, sealed, values);
      const answer = await get(ask.options);
      prf = answer.prf;
      header['Porchlight-Assertion'] = base64urlnopad.encode(utf8(JSON.stringify(answer.response)));
    }
  }
}

/**
 * Checks that the challenge is SHA-256(nonce || act), that the act is the one
 * meant, and that nothing private is signed but what was disclosed or sealed here.
 */
export function checkAct(ask: SignatureRequired, action: string, id: string, sealed: Record<string, string>, values?: Record<string, string>): void {
  const act = JSON.parse(ask.act) as { id?: string; action?: string; public?: Record<string, string>; private?: Record<string, string> };
  const challenge = sha256(new Uint8Array([...base64urlnopad.decode(ask.nonce), ...utf8(ask.act)]));
  if (ask.options.challenge !== base64urlnopad.encode(challenge)) throw new ActMismatch('the challenge is not that of the act');
  if (act.id !== id || act.action !== action) throw new ActMismatch(`asked to sign ${act.action} instead of ${action}`);
  if (values && same(act.public ?? {}) !== same(values)) throw new ActMismatch('the act says something else in public than was meant');
  const shown = new Map(Object.entries(sealed));
  for (const d of ask.disclosures ?? []) shown.set(d.name, commitment(d.name, base64.decode(d.salt), d.value));
  for (const [name, value] of Object.entries(act.private ?? {})) {
    if (shown.get(name) !== value) throw new ActMismatch(`the private value "${name}" is not the one shown`);
    shown.delete(name);
  }
  if (shown.size > 0) throw new ActMismatch(`the act leaves out "${[...shown.keys()].join(', ')}"`);
}

const same = (values: Record<string, string>) => JSON.stringify(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

/** SHA-256("porchlight.commit.v1\n" || name || "\n" || salt || value), standard base64; as ledger.Commit in Go. */
export function commitment(name: string, salt: Uint8Array, value: string): string {
  const hash = sha256.create();
  hash.update(utf8(`porchlight.commit.v1\n${name}\n`)).update(salt).update(utf8(value));
  return base64.encode(hash.digest());
}

const utf8 = (text: string) => new TextEncoder().encode(text);
