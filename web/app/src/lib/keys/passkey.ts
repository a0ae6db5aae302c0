// Passkeys: the JSON forms of Web Authentication Level 3 to and from what
// navigator.credentials takes and gives. The PRF output is taken out of every
// answer here, so that it can never be sent.

import { base64urlnopad } from '@scure/base';

/** What a passkey answered: response goes to the exchange, prf stays on this device. */
export interface Answer {
  response: Record<string, unknown>;
  prf?: Uint8Array;
}

interface Descriptor {
  id: string;
  type: 'public-key';
  transports?: AuthenticatorTransport[];
}

interface Extensions {
  prf?: { eval?: { first: string; second?: string } };
  [name: string]: unknown;
}

/** PublicKeyCredentialCreationOptionsJSON, as far as the exchange uses it. */
export interface CreationOptions {
  rp: PublicKeyCredentialRpEntity;
  user: { id: string; name: string; displayName: string };
  challenge: string;
  pubKeyCredParams: PublicKeyCredentialParameters[];
  excludeCredentials?: Descriptor[];
  extensions?: Extensions;
  [name: string]: unknown;
}

/** PublicKeyCredentialRequestOptionsJSON, as far as the exchange uses it. */
export interface RequestOptions {
  challenge: string;
  rpId?: string;
  allowCredentials?: Descriptor[];
  userVerification?: UserVerificationRequirement;
  timeout?: number;
  extensions?: Extensions;
  [name: string]: unknown;
}

/** The person closed the passkey dialogue, or no passkey fits. */
export class PasskeyRefused extends Error {}

/** Makes a passkey. Throws PasskeyRefused. */
export async function create(options: CreationOptions): Promise<Answer> {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: options.excludeCredentials?.map(descriptor),
    extensions: extensions(options.extensions),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = await ask(() => navigator.credentials.create({ publicKey }));
  const r = made.response as AuthenticatorAttestationResponse;
  return answer(made, {
    clientDataJSON: text(r.clientDataJSON),
    attestationObject: text(r.attestationObject),
    authenticatorData: text(r.getAuthenticatorData()),
    transports: r.getTransports(),
    publicKeyAlgorithm: r.getPublicKeyAlgorithm(),
    publicKey: r.getPublicKey() ? text(r.getPublicKey()!) : undefined,
  });
}

/** Asks a passkey. Throws PasskeyRefused. */
export async function get(options: RequestOptions): Promise<Answer> {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: options.allowCredentials?.map(descriptor),
    extensions: extensions(options.extensions),
  } as unknown as PublicKeyCredentialRequestOptions;
  const found = await ask(() => navigator.credentials.get({ publicKey }));
  const r = found.response as AuthenticatorAssertionResponse;
  return answer(found, {
    clientDataJSON: text(r.clientDataJSON),
    authenticatorData: text(r.authenticatorData),
    signature: text(r.signature),
    userHandle: r.userHandle ? text(r.userHandle) : undefined,
  });
}

async function ask(call: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  let credential: Credential | null;
  try {
    credential = await call();
  } catch (e) {
    if (e instanceof DOMException) throw new PasskeyRefused(e.message, { cause: e });
    throw e;
  }
  if (!credential) throw new PasskeyRefused('no passkey');
  return credential as PublicKeyCredential;
}

function answer(credential: PublicKeyCredential, response: Record<string, unknown>): Answer {
  const { prf, ...others } = credential.getClientExtensionResults();
  const first = prf?.results?.first;
  return {
    response: {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      response,
      clientExtensionResults: {
        ...others,
        ...(prf && { prf: prf.enabled === undefined ? {} : { enabled: prf.enabled } }),
      },
    },
    ...(first && { prf: view(first) }),
  };
}

const descriptor = (d: Descriptor) => ({ ...d, id: bytes(d.id) });

function extensions(e: Extensions | undefined) {
  const values = e?.prf?.eval;
  if (!values) return e;
  return {
    ...e,
    prf: { eval: { first: bytes(values.first), ...(values.second && { second: bytes(values.second) }) } },
  };
}

const bytes = (s: string) => base64urlnopad.decode(s);
const view = (b: BufferSource) =>
  ArrayBuffer.isView(b) ? new Uint8Array(b.buffer, b.byteOffset, b.byteLength).slice() : new Uint8Array(b).slice();
const text = (b: BufferSource) => base64urlnopad.encode(view(b));
