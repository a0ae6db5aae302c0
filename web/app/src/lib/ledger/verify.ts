// Checking a receipt with WebCrypto alone: the same checks, outcomes and words
// as `porchlight verify`. The words are the messages `verify.<what>.<status>`.

import { concat, equal, fromBase64, sha256, utf8, type Bytes } from './bytes';
import { byteOrder, commit, entryBytes, leafHash, nodeHash } from './entry';
import { checkPasskey, type Signer } from './passkey';
import { parseReceipt, validName, type Checkpoint, type Receipt } from './receipt';

/** Whom the reader trusts. */
export interface Verifier {
  /** The log's name; by default the name in its key. */
  origin?: string;
  /** Key of the log: name+hash+base64. */
  logKey: string;
  /** Keys of the witnesses whose word counts. */
  witnesses: string[];
  /** How many of them must have cosigned. */
  quorum: number;
}

/** What an exchange serves at /.well-known/porchlight.json. */
export interface Descriptor {
  name: string;
  origin: string;
  log_key: string;
  witnesses: { name: string; key: string }[] | null;
  quorum: number;
  ledger: string;
  jurisdiction: string;
}

export type Status = 'proved' | 'not-proved' | 'refused';

export interface Claim {
  status: Status;
  /** Short name, e.g. "inclusion". */
  what: string;
  /** What the message's placeholders stand for. */
  params: Record<string, string>;
}

export interface Report {
  claims: Claim[];
  /** Something was proved and nothing refused. */
  ok: boolean;
}

/** The message that says a claim in words. */
export const messageKey = (c: Claim): string => `verify.${c.what}.${c.status}`;

export const verifierOf = (d: Descriptor): Verifier => ({
  origin: d.origin,
  logKey: d.log_key,
  witnesses: (d.witnesses ?? []).map((w) => w.key),
  quorum: d.quorum,
});

interface Key {
  vkey: string;
  name: string;
  hash: number;
  public: Bytes;
}

const algEd25519 = 1;
const algCosignature = 4;
const latest = 253402300799n; // the end of the year 9999

async function parseKey(vkey: string, alg: number): Promise<Key> {
  const [, name = '', hash = '', b64 = ''] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/.exec(vkey) ?? [];
  const b = fromBase64(b64, 33);
  if (!validName(name) || !b || b[0] !== alg) throw new Error(`not the key of a ${alg === algEd25519 ? 'log' : 'witness'}: ${vkey}`);
  const want = new DataView((await sha256(utf8(name + '\n'), b)).buffer).getUint32(0);
  if (parseInt(hash, 16) !== want) throw new Error(`the key of ${name} has another hash`);
  return { vkey, name, hash: want, public: b.slice(1) };
}

/** k's signature of c, verified. Undefined when there is none; a sentence when it is wrong. */
async function signedBy(k: Key, c: Checkpoint, offset: number, cosignature: boolean): Promise<bigint | undefined | string> {
  const own = c.signatures.filter((s) => s.name === k.name && s.hash === k.hash);
  let at: bigint | undefined;
  for (const [i, s] of own.entries()) {
    if (i > 0) return `line ${offset + s.line}: a second signature of ${k.name}`;
    let message = c.text, sig = s.sig;
    at = 0n;
    let fits = sig.length === (cosignature ? 72 : 64);
    if (cosignature && fits) {
      at = new DataView(sig.buffer, sig.byteOffset).getBigUint64(0);
      fits = at <= latest;
      message = `cosignature/v1\ntime ${at}\n${message}`;
      sig = sig.slice(8);
    }
    if (!fits || !(await ed25519(k.public, sig, utf8(message)))) return `line ${offset + s.line}: the signature of ${k.name} is wrong`;
  }
  return at;
}

async function ed25519(key: Bytes, sig: Bytes, message: Bytes): Promise<boolean> {
  try {
    const k = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', k, sig, message);
  } catch (err) {
    if (err instanceof DOMException && err.name === 'NotSupportedError') throw err; // an old browser proves nothing
    return false;
  }
}

/** RFC 9162 section 2.1.3.2, with RFC 6962 hashes. */
async function included(leaf: Bytes, index: bigint, size: bigint, proof: Bytes[], root: Bytes): Promise<boolean> {
  if (index >= size) return false;
  let fn = index, sn = size - 1n, r = leaf;
  for (const p of proof) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      r = await nodeHash(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      r = await nodeHash(r, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equal(r, root);
}

class Claims {
  list: Claim[] = [];
  say(status: Status, what: string, params: Record<string, string> = {}): void {
    this.list.push({ status, what, params });
  }
  get refused(): boolean {
    return this.list.some((c) => c.status === 'refused');
  }
}

const joined = (names: string[]): string => names.join(', ') || '–';

async function checkCheckpoint(says: Claims, c: Checkpoint, v: Verifier, offset: number): Promise<void> {
  const log = await parseKey(v.logKey, algEd25519);
  const origin = v.origin || log.name;
  const witnesses = await Promise.all([...new Set(v.witnesses)].sort(byteOrder).map((w) => parseKey(w, algCosignature)));
  if (!Number.isInteger(v.quorum) || v.quorum < 0 || v.quorum > witnesses.length) throw new Error(`quorum ${v.quorum} of ${witnesses.length} witnesses`);

  if (c.origin !== origin) says.say('refused', 'origin', { origin: c.origin, want: origin });
  const s = await signedBy(log, c, offset, false);
  if (typeof s === 'string') says.say('refused', 'log-signature', { origin, error: s });
  else if (s === undefined) says.say('refused', 'log-signature', { origin, error: `there is none by ${log.vkey}` });
  else says.say('proved', 'log-signature', { origin, size: `${c.size}`, key: log.vkey });

  const cosigned: { name: string; at: bigint }[] = [];
  for (const w of witnesses) {
    const at = await signedBy(w, c, offset, true);
    if (typeof at === 'string') says.say('refused', 'cosignature', { witness: w.name, error: at });
    else if (at !== undefined) cosigned.push({ name: w.name, at });
  }
  cosigned.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const params = { count: `${cosigned.length}`, quorum: `${v.quorum}`, names: cosigned.map((w) => w.name).join(', ') };
  if (cosigned.length < v.quorum) says.say('refused', 'cosignatures', params);
  else if (!cosigned[0]) {
    says.say('not-proved', 'cosignatures');
    says.say('not-proved', 'time');
  } else {
    says.say('proved', 'cosignatures', params);
    const time = new Date(Number(cosigned[0].at) * 1000).toISOString().replace('.000Z', 'Z');
    says.say('proved', 'time', { time, witness: cosigned[0].name });
  }
  const known = [log, ...witnesses];
  const others = c.signatures.filter((s) => !known.some((k) => k.name === s.name && k.hash === s.hash)).length;
  if (others > 0) says.say('not-proved', 'other-signatures', { count: `${others}` });
}

/** The act that introduces a passkey: its public value "public_key" is the key, and the passkey itself signs it. */
const enrolAction = 'person.enrol';

/** Whose passkey signed r: what the entry that enrolled it says, if one of enrolments is its receipt, or r itself is. */
async function checkHolder(says: Claims, r: Receipt, signer: Signer, v: Verifier, enrolments: Receipt[]): Promise<void> {
  const { act } = r.entry;
  if (act.action === enrolAction && r.entry.decision.permit) enrolments = [r]; // being checked
  if (enrolments.length === 0) return says.say('not-proved', 'passkey-holder', { credential: signer.credential });
  const e = enrolments.find((e) => e.entry.act.action === enrolAction && e.entry.act.public?.public_key === signer.key);
  if (!e) return says.say('refused', 'passkey-unknown');
  const index = `${e.index}`, enrolled = e.entry.act;
  if (enrolled.agency !== act.agency || e.index > r.index || !e.entry.decision.permit) return says.say('refused', 'passkey-holder', { index });
  const wrong = e.index === r.index ? undefined : (await verifyReceipt(e, v)).claims.find((c) => c.status === 'refused');
  if (wrong) return says.say('refused', 'enrolment', { index, error: wrong.what });
  says.say('proved', 'passkey-holder', { index, actor: enrolled.actor, agency: enrolled.agency || '–' });
}

/**
 * Checks everything a receipt can show by itself and, with the receipts of acts
 * person.enrol, whose passkey signed; says what is proved and what is not. Throws
 * ReceiptError when the text is no receipt, and an Error when v's keys cannot be
 * used.
 */
export async function verifyReceipt(receipt: string | Uint8Array | Receipt, v: Verifier, enrolments: Receipt[] = []): Promise<Report> {
  const r = typeof receipt === 'string' || receipt instanceof Uint8Array ? parseReceipt(receipt) : receipt;
  const says = new Claims();
  const c = r.checkpoint, e = r.entry, index = `${r.index}`;
  await checkCheckpoint(says, c, v, r.lines.checkpoint);
  const place = { index, size: `${c.size}`, origin: c.origin };
  let there = !says.refused;
  if (!(await included(await leafHash(entryBytes(e)), r.index, c.size, r.proof, c.root))) {
    there = false;
    says.say('refused', 'inclusion', { ...place, line: `${r.lines.index}` });
  } else if (there) {
    says.say('proved', 'inclusion', place);
  }

  says.say('proved', 'act', { action: e.act.action, actor: e.act.actor, hour: e.act.hour, id: e.act.id });
  if (e.act.agency) says.say('proved', 'agency', { agency: e.act.agency });
  says.say('proved', e.decision.permit ? 'permitted' : 'denied', {
    rules: joined(e.decision.rules ?? []),
    packs: joined(Object.keys(e.decision.packs ?? {}).sort(byteOrder)),
  });
  const open = Object.entries(e.act.public ?? {}).sort(([a], [b]) => byteOrder(a, b));
  for (const [name, value] of open) says.say('proved', 'public', { name, value });

  const committed = new Map(Object.entries(e.act.private ?? {}));
  if (e.signature) committed.set('signature', e.signature);
  let signature = '';
  for (const [i, d] of r.disclosures.entries()) {
    const want = committed.get(d.name);
    const params = { name: d.name, value: d.value, line: `${3 + i}` };
    committed.delete(d.name);
    if (want === undefined) says.say('refused', 'disclosure-unknown', params);
    else if (!equal(fromBase64(want)!, await commit(d.name, d.salt, d.value))) says.say('refused', 'disclosure', params);
    else if (d.name === 'signature') signature = d.value;
    else says.say('proved', 'disclosure', params);
  }
  if (signature !== '') {
    const signer = await checkPasskey(e.act, signature);
    if (typeof signer === 'string') says.say('refused', 'passkey', { error: signer });
    else {
      says.say('proved', 'passkey', { site: signer.site, credential: signer.credential });
      await checkHolder(says, r, signer, v, enrolments);
    }
  } else if (!e.signature) says.say('not-proved', 'unsigned');
  else if (enrolments.length > 0) says.say('not-proved', 'passkey-holder');
  if (committed.size > 0) says.say('not-proved', 'withheld', { names: joined([...committed.keys()].sort(byteOrder)) });
  says.say('not-proved', 'later', { index });
  // What an entry says counts only if it is in the log.
  const claims = there ? says.list : says.list.filter((c) => c.status !== 'proved');
  return { claims, ok: !says.refused && claims.some((c) => c.status === 'proved') };
}
