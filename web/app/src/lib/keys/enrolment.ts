// What a colleague's device enrolled with, checked here before anything is
// sealed to it: the entry of person.enrol commits to its passkey's public key
// and its age recipient, and the passkey itself signed that entry's act.

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64, base64urlnopad } from '@scure/base';
import { commitment } from '../act';
import { get } from '../api/client';

/** The exchange could not prove that this device enrolled with this key. */
export class EnrolmentUnproved extends Error {}

interface Signed {
  nonce: string;
  public_key: string;
  client_data_json: string;
  authenticator_data: string;
  signature: string;
}

/** Checks the enrolment of a device (credential id) of one's own agency. Throws EnrolmentUnproved or a Problem. */
export async function checkDevice(device: string, recipient: string, rpId: string): Promise<void> {
  const { receipt } = await get('/api/v1/devices/{device}/receipt', { path: { device } });
  await checkEnrolment(receipt, device, recipient, rpId);
}

/** Checks an enrolment's receipt, but for its place in the ledger. Throws EnrolmentUnproved. */
export async function checkEnrolment(receipt: string, device: string, recipient: string, rpId: string): Promise<void> {
  const { entry, act, disclosed } = open(receipt);
  const { action, private: committed = {} } = JSON.parse(act) as { action: string; private?: Record<string, string> };
  if (action !== 'person.enrol') fail('not an enrolment');
  const value = (name: string, expected: string | undefined) => {
    const d = disclosed.get(name);
    if (!d || commitment(name, d.salt, d.value) !== expected) return fail(`${name} is not what the entry commits to`);
    return d.value;
  };
  if (value('credential', committed.credential) !== device) fail('another device');
  if (value('device_recipient', committed.device_recipient) !== recipient) fail('another recipient');
  const publicKey = value('public_key', committed.public_key);

  const signed = JSON.parse(value('signature', entry.signature)) as Signed;
  if (signed.public_key !== publicKey) fail('signed by another passkey');
  const client = JSON.parse(new TextDecoder().decode(bytes(signed.client_data_json))) as { type: string; challenge: string };
  const challenge = sha256(join(bytes(signed.nonce), utf8(act)));
  if (client.type !== 'webauthn.get' || client.challenge !== base64urlnopad.encode(challenge)) fail('signed something else');
  const data = bytes(signed.authenticator_data);
  if (!same(data.subarray(0, 32), sha256(utf8(rpId)))) fail('signed for another site');
  if (((data[32] ?? 0) & 5) !== 5) fail('nobody was verified');
  const message = join(data, sha256(bytes(signed.client_data_json)));
  if (!(await verify(bytes(publicKey), message, bytes(signed.signature)))) fail('the signature does not verify');
}

/** The entry and its disclosures in a receipt (docs/architecture.md), and the exact text of the act. */
function open(receipt: string) {
  const [head = ''] = receipt.split('\n\n');
  const lines = head.split('\n');
  if (lines[0] !== 'porchlight-receipt/v1') fail('not a receipt');
  let text = '';
  const disclosed = new Map<string, { salt: Uint8Array; value: string }>();
  for (const line of lines.slice(1)) {
    const [kind, a = '', b = '', c = ''] = line.split(' ');
    if (kind === 'entry') text = new TextDecoder().decode(base64.decode(a));
    if (kind === 'disclose') disclosed.set(a, { salt: base64.decode(b), value: new TextDecoder().decode(base64.decode(c)) });
  }
  const entry = JSON.parse(text) as { signature?: string };
  return { entry, act: actText(text), disclosed };
}

/** The text of the member "act", as it stands: what was signed is bytes, not what they mean. */
function actText(entry: string): string {
  const prefix = '{"v":1,"act":';
  if (!entry.startsWith(prefix)) fail('an entry of another version');
  let depth = 0;
  let quoted = false;
  for (let i = prefix.length; i < entry.length; i++) {
    const c = entry[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{') depth++;
    else if (c === '}' && --depth === 0) return entry.slice(prefix.length, i + 1);
  }
  return fail('an entry cut short');
}

/** Verifies with a SubjectPublicKeyInfo of ES256, EdDSA or RS256, the algorithms the exchange takes. */
async function verify(spki: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const algorithm = [...spki.subarray(0, 28)].map((b) => b.toString(16).padStart(2, '0')).join('');
  if (algorithm.startsWith('3059301306072a8648ce3d0201')) {
    return p256.verify(signature, message, spki.subarray(-65), { format: 'der', lowS: false });
  }
  if (algorithm.startsWith('302a300506032b6570')) return ed25519.verify(signature, message, spki.subarray(-32));
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('spki', new Uint8Array(spki), rsa, false, ['verify']);
  return crypto.subtle.verify(rsa, key, new Uint8Array(signature), new Uint8Array(message));
}

function fail(reason: string): never {
  throw new EnrolmentUnproved(reason);
}

const bytes = (s: string) => base64urlnopad.decode(s);
const utf8 = (s: string) => new TextEncoder().encode(s);
const join = (a: Uint8Array, b: Uint8Array) => new Uint8Array([...a, ...b]);
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((x, i) => x === b[i]);
