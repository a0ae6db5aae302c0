// The letter: what goes to the agency with a clip and nobody else may read
// (docs/architecture.md, Keys).

import { Encrypter } from 'age-encryption';

export type Disclosure = 'through-porchlight' | 'email' | 'address';

export interface Letter {
  /** Lower-case hex, of the clip as sealed. */
  plaintext_sha256: string;
  /** base64, opens the commitment in the share act. */
  plaintext_salt: string;
  filename: string;
  duration_seconds: number;
  identity: { disclosure: Disclosure; email?: string; address?: string };
  message: string;
  edits: { trimmed?: { start: number; end: number }; muted?: boolean; blurred?: boolean };
}

/** The longest sealed letter the exchange takes, in bytes. */
export const MAX_LETTER = 16 * 1024;

/** The letter as an age file to the vault. Throws when it is too long. */
export async function sealLetter(letter: Letter, recipient: string): Promise<Uint8Array> {
  return sealText(JSON.stringify(letter), recipient);
}

/** A text as an age file to each recipient. Throws when it is too long. */
export async function sealText(text: string, ...recipients: string[]): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  for (const r of recipients) encrypter.addRecipient(r);
  const sealed = await encrypter.encrypt(text);
  if (sealed.length > MAX_LETTER) throw new Error('the message is too long');
  return sealed;
}
