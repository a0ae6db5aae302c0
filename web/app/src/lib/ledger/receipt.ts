// The receipt file (docs/architecture.md, c2sp.org/tlog-proof): reading it. It
// has one spelling; what differs is refused with its line.

import { decimal, fromBase64, text, utf8, type Bytes } from './bytes';
import { parseEntry, type Entry } from './entry';

export interface Disclosure {
  name: string;
  salt: Bytes;
  value: string;
}

export interface Receipt {
  entry: Entry;
  /** Sorted by name. */
  disclosures: Disclosure[];
  index: bigint;
  proof: Bytes[];
  checkpoint: Checkpoint;
  /** Lines (from 1) of the index, and before the checkpoint. */
  lines: { index: number; checkpoint: number };
}

/** A signed note (c2sp.org/tlog-checkpoint); nothing about it is checked yet. */
export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Bytes;
  /** What log and witnesses signed. */
  text: string;
  signatures: { line: number; name: string; hash: number; sig: Bytes }[];
}

/** The text is no receipt, from a line on (0: as a whole). */
export class ReceiptError extends Error {
  constructor(
    readonly line: number,
    what: string,
  ) {
    super(line ? `line ${line}: ${what}` : what);
    this.name = 'ReceiptError';
  }
}

const maxReceipt = 1 << 20;
const maxCheckpoint = 16 << 10;
const maxSignatures = 32;
const maxProof = 63;

export const validName = (s: string): boolean =>
  /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+$/u.test(s) && !s.includes('+') && utf8(s).length <= 255;

/** Reads a receipt. It proves nothing; see verifyReceipt. Throws ReceiptError. */
export function parseReceipt(content: string | Uint8Array): Receipt {
  const all = typeof content === 'string' ? content : text(content);
  if (all === undefined || !all.isWellFormed()) throw new ReceiptError(0, 'not a text file');
  if (utf8(all).length > maxReceipt) throw new ReceiptError(0, 'too large for a receipt');
  let rest = all, n = 0;
  const next = (): string => {
    const i = rest.indexOf('\n');
    const line = i < 0 ? '' : rest.slice(0, i); // an unterminated line is the end, never content
    rest = i < 0 ? '' : rest.slice(i + 1);
    n++;
    return line;
  };
  const bad = (what: string): never => {
    throw new ReceiptError(n, what);
  };
  const after = (line: string, prefix: string): string =>
    line.startsWith(prefix) ? line.slice(prefix.length) : bad(`want "${prefix.trim()}"`);

  if (next() !== 'porchlight-receipt/v1') bad('want "porchlight-receipt/v1"');
  const entry = parseEntry(fromBase64(after(next(), 'entry ')) ?? bad('not base64')) ?? bad('not an entry in its one form');
  const disclosures: Disclosure[] = [];
  for (let line = next(); line !== ''; line = next()) {
    const [word, name = '', salt = '', value = '', ...more] = line.split(' ');
    if (word !== 'disclose' || !/^[a-z0-9_.-]{1,64}$/.test(name) || more.length > 0 || line.split(' ').length !== 4)
      bad('want "disclose name salt value" or a blank line');
    if (disclosures.length > 0 && disclosures.at(-1)!.name >= name) bad(`${name} is out of order`);
    disclosures.push({
      name,
      salt: fromBase64(salt, 32) ?? bad('salt: want 32 bytes of base64'),
      value: text(fromBase64(value) ?? bad('value: not base64')) ?? bad('value: not text'),
    });
  }
  if (next() !== 'c2sp.org/tlog-proof@v1') bad('want "c2sp.org/tlog-proof@v1"');
  const index = decimal(after(next(), 'index ')) ?? bad("want the entry's index");
  const indexLine = n;
  const proof: Bytes[] = [];
  for (let line = next(); line !== ''; line = next()) {
    const hash = fromBase64(line, 32) ?? bad('proof hash: want 32 bytes of base64');
    if (proof.length === maxProof) bad(`more than ${maxProof} proof hashes`);
    proof.push(hash);
  }
  return { entry, disclosures, index, proof, checkpoint: parseCheckpoint(rest, n), lines: { index: indexLine, checkpoint: n } };
}

/** Reads a signed checkpoint that stands after some lines of a file. */
export function parseCheckpoint(raw: string, before = 0): Checkpoint {
  const bad = (line: number, what: string): never => {
    throw new ReceiptError(before + line, what);
  };
  if (utf8(raw).length > maxCheckpoint || /[^\P{Cc}\n]/u.test(raw)) bad(1, 'not a checkpoint: too long, or not plain text');
  const lines = raw.split('\n');
  if (lines.at(-1) !== '') bad(lines.length, 'the last line does not end');
  lines.pop();
  const blank = lines.indexOf('');
  if (blank < 3) bad((blank < 0 ? lines.length : blank) + 1, 'a checkpoint has origin, size and root, then a blank line and signatures');
  const origin = lines[0]!;
  if (!validName(origin.replaceAll(' ', '_'))) bad(1, 'origin');
  const size = decimal(lines[1]!) ?? bad(2, 'size: not a decimal number');
  const root = fromBase64(lines[2]!, 32) ?? bad(3, 'root: want 32 bytes of base64');
  const signatures = lines.slice(blank + 1).map((l, i) => {
    const line = blank + 2 + i;
    const [, name = '', b64 = ''] = /^— ([^ ]+) (.*)$/.exec(l) ?? [];
    const b = fromBase64(b64);
    if (!validName(name) || !b || b.length < 5) return bad(line, 'not a signature line');
    if (i >= maxSignatures) return bad(line, `more than ${maxSignatures} signatures`);
    return { line, name, hash: new DataView(b.buffer).getUint32(0), sig: b.slice(4) };
  });
  if (signatures.length === 0) bad(lines.length, 'no signature');
  return { origin, size, root, text: lines.slice(0, blank).join('\n') + '\n', signatures };
}
