// The passkey signature over an act (WebAuthn Level 3 section 7.2, as far as it
// can be checked without the exchange).

import { concat, equal, fromBase64url, sha256, text, toBase64url, utf8, type Bytes } from './bytes';
import { actBytes, type Act } from './entry';

const p256 = '3059301306072a8648ce3d020106082a8648ce3d03010703420004';
const ed25519 = '302a300506032b6570032100';

/** A passkey that signed: where, its id, and its public key (SubjectPublicKeyInfo), both base64url. */
export interface Signer {
  site: string;
  credential: string;
  key: string;
}

/** The signer as the signature shows her, or a sentence that says what does not hold. */
export async function checkPasskey(act: Act, disclosed: string): Promise<Signer | string> {
  const a = object(disclosed);
  const part = (name: string): Bytes | undefined => {
    const x = a?.[name] ?? '';
    return typeof x === 'string' ? fromBase64url(x) : undefined;
  };
  const nonce = part('nonce'), credential = part('credential_id'), key = part('public_key');
  const clientData = part('client_data_json'), data = part('authenticator_data'), signature = part('signature');
  if (!a || !nonce || !credential || !key || !clientData || !data || !signature) return 'it cannot be read';
  const client = object(text(clientData) ?? '');
  if (!client) return 'its client data cannot be read';
  if (nonce.length !== 32) return `its nonce has ${nonce.length} bytes, not 32`;
  if (client.type !== 'webauthn.get') return 'it is no assertion';
  const challenge = typeof client.challenge === 'string' ? fromBase64url(client.challenge) : undefined;
  if (!challenge || !equal(challenge, await sha256(nonce, actBytes(act)))) return 'it signs another act';
  const site = String(client.origin ?? '');
  if (data.length < 37 || !(await isRelyingParty(site, data.slice(0, 32)))) return 'it was made for another site';
  if ((data[32]! & 5) !== 5) return 'the device did not verify its holder';
  const signed = concat(data, await sha256(clientData));
  return (await verify(key, signed, signature)) ?? { site, credential: toBase64url(credential), key: toBase64url(key) };
}

function object(json: string): Record<string, unknown> | undefined {
  try {
    const x: unknown = JSON.parse(json);
    return typeof x === 'object' && x !== null ? (x as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether hash is of the site's host or a domain above it. */
async function isRelyingParty(site: string, hash: Bytes): Promise<boolean> {
  if (!URL.canParse(site)) return false;
  for (let host = new URL(site).hostname; host !== ''; host = host.includes('.') ? host.slice(host.indexOf('.') + 1) : '')
    if (equal(await sha256(utf8(host)), hash)) return true;
  return false;
}

async function verify(spki: Bytes, signed: Bytes, signature: Bytes): Promise<string | undefined> {
  const hex = Array.from(spki.slice(0, 27), (b) => b.toString(16).padStart(2, '0')).join('');
  const kind = hex === p256 ? 'ec' : hex.startsWith(ed25519) ? 'ed' : 'rsa';
  const algorithm = {
    ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
    ed: { name: 'Ed25519' },
    rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  }[kind];
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']);
  } catch {
    return 'its public key cannot be read';
  }
  const sig = kind === 'ec' ? rawECDSA(signature) : signature;
  return sig && (await crypto.subtle.verify(algorithm, key, sig, signed)) ? undefined : 'it does not verify';
}

/** r || s, 32 bytes each, from the DER that WebAuthn uses and WebCrypto does not. */
function rawECDSA(der: Bytes): Bytes | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const out = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const size = der[at + 1] ?? 0;
    const n = der.slice(at + 2, at + 2 + size);
    if (der[at] !== 2 || n.length !== size || size === 0 || n[0]! > 0x7f) return undefined;
    if (size > 1 && n[0] === 0 && n[1]! < 0x80) return undefined;
    const digits = n[0] === 0 ? n.slice(1) : n;
    if (digits.length > 32) return undefined;
    out.set(digits, end - digits.length);
    at += 2 + size;
  }
  return at === der.length ? out : undefined;
}
