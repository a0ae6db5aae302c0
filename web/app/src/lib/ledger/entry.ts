// The entry of the log and its one encoding, as package ledger writes it (Go).

import { concat, fromBase64, sha256, text, utf8, type Bytes } from './bytes';

/** base64 of 32 bytes. */
export type Commitment = string;

export interface Act {
  id: string;
  action: string;
  /** The role acted in. */
  actor: string;
  /** ORI of the actor's agency. */
  agency?: string;
  /** Start of the UTC hour, RFC 3339. */
  hour: string;
  public?: Record<string, string>;
  private?: Record<string, Commitment>;
}

export interface Entry {
  v: 1;
  act: Act;
  decision: { permit: boolean; rules: string[] | null; packs: Record<string, string> | null };
  signature?: Commitment;
}

/** SHA-256("porchlight.commit.v1\n" || name || "\n" || salt || value). */
export const commit = (name: string, salt: Uint8Array, value: string): Promise<Bytes> =>
  sha256(utf8(`porchlight.commit.v1\n${name}\n`), salt, utf8(value));

const rune = (s: string) => [...s].map((c) => c.codePointAt(0)!);

/** Order of UTF-8 bytes, which is that of code points and not of JavaScript. */
export function byteOrder(a: string, b: string): number {
  const x = rune(a), y = rune(b);
  const i = x.findIndex((r, i) => r !== y[i]);
  if (i < 0) return x.length - y.length;
  return i < y.length ? x[i]! - y[i]! : 1;
}

const quote = (s: string): string =>
  JSON.stringify(s).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');

const map = (m: Record<string, string>): string =>
  '{' + Object.keys(m).sort(byteOrder).map((k) => `${quote(k)}:${quote(m[k]!)}`).join(',') + '}';

const filled = (m: Record<string, string> | undefined): m is Record<string, string> =>
  m !== undefined && Object.keys(m).length > 0;

function encodeAct(a: Act): string {
  return (
    `{"id":${quote(a.id)},"action":${quote(a.action)},"actor":${quote(a.actor)}` +
    (a.agency ? `,"agency":${quote(a.agency)}` : '') +
    `,"hour":${quote(a.hour)}` +
    (filled(a.public) ? `,"public":${map(a.public)}` : '') +
    (filled(a.private) ? `,"private":${map(a.private)}` : '') +
    '}'
  );
}

/** What a passkey signs, and what SHA-256(nonce || act) is made over. */
export const actBytes = (a: Act): Bytes => utf8(encodeAct(a));

/** The leaf data of the log. */
export function entryBytes(e: Entry): Bytes {
  const d = e.decision;
  return utf8(
    `{"v":${e.v},"act":${encodeAct(e.act)},"decision":{"permit":${d.permit}` +
      `,"rules":${d.rules && `[${d.rules.map(quote).join(',')}]`},"packs":${d.packs && map(d.packs)}}` +
      (e.signature ? `,"signature":${quote(e.signature)}` : '') +
      '}',
  );
}

const isText = (x: unknown): x is string => typeof x === 'string' && x.isWellFormed();
const isMap = (x: unknown): x is Record<string, string> =>
  typeof x === 'object' && x !== null && !Array.isArray(x) && Object.entries(x).every((kv) => kv.every(isText));
const isCommitment = (x: unknown): boolean => isText(x) && fromBase64(x, 32) !== undefined;

/** Reads leaf data; undefined unless it is exactly what entryBytes gives back. */
export function parseEntry(data: Uint8Array): Entry | undefined {
  const json = data.length < 1 << 16 ? text(data) : undefined;
  if (json === undefined) return undefined;
  let e: Entry;
  try {
    e = JSON.parse(json);
  } catch {
    return undefined;
  }
  const { v, act: a, decision: d, signature } = e ?? {};
  const fits =
    v === 1 &&
    !!a && [a.id, a.action, a.actor, a.hour, a.agency ?? ''].every(isText) &&
    (a.public === undefined || isMap(a.public)) &&
    (a.private === undefined || (isMap(a.private) && Object.values(a.private).every(isCommitment))) &&
    !!d && typeof d.permit === 'boolean' &&
    (d.rules === null || (Array.isArray(d.rules) && d.rules.every(isText))) &&
    (d.packs === null || isMap(d.packs)) &&
    (signature === undefined || isCommitment(signature));
  if (!fits || text(entryBytes(e)) !== json) return undefined;
  return e;
}

/** RFC 6962 hash of a leaf. */
export const leafHash = (data: Uint8Array): Promise<Bytes> => sha256(Uint8Array.of(0), data);

/** RFC 6962 hash of two nodes. */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Promise<Bytes> =>
  sha256(concat(Uint8Array.of(1), left, right));
