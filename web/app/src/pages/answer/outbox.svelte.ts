// Answers on their way. Each is kept on this device (IndexedDB, and the private
// file system for the clips) until it is sent, so that a closed page, a dropped
// connection or a restarted exchange loses nothing: send picks up where it was.
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { base64, base64urlnopad } from '@scure/base';
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { commitment } from '$lib/act';
import { post } from '$lib/api/client';
import type { Edits } from '$lib/media/types';
import { capability, newSecret, newToken } from '$lib/seal/capability';
import { listFiles, openFile, removeFiles } from '$lib/seal/files';
import { sealLetter, type Disclosure } from '$lib/seal/letter';
import { seal } from '$lib/seal/seal';
import { Upload } from '$lib/seal/upload';
import { ulid } from '$lib/ulid';

export interface ClipRecord {
  id: string;
  /** Name the resident knows the file by; goes into the sealed letter only. */
  filename: string;
  /** In the private file system: the very bytes that will be sent. "" until prepared. */
  prepared: string;
  size: number;
  duration: number;
  edits: Edits;
  thumbnail?: Blob;
  hasAudio: boolean;
  /** Act id of submission.share. */
  act: string;
  /** base64 of 32 random bytes that open the commitment to the clip's hash. */
  salt: string;
  /** Lower-case hex of the prepared bytes, once sealed. */
  sha256?: string;
  sealed?: string;
  uploadUrl?: string;
  uploaded?: string;
  receipt?: string;
}

export interface Answer {
  id: string;
  request: string;
  agency: { ori: string; name: string };
  /** The agency's vault recipient, checked against the ledger. */
  vault: string;
  secret: string;
  /** The secret that shall replace it, until it is known that it did. */
  next?: string;
  upload: { token: string; hash: string };
  made: number;
  state: 'draft' | 'sending' | 'sent';
  /** JSON, exactly as sent. */
  consent: string;
  /** Only the one that disclosure names is sent, sealed. */
  identity: { disclosure: Disclosure; email: string; address: string };
  message: string;
  clips: ClipRecord[];
}

interface Schema extends DBSchema {
  answers: { key: string; value: Answer; indexes: { request: string } };
}

let opened: Promise<IDBPDatabase<Schema>> | undefined;
const db = () =>
  (opened ??= openDB<Schema>('porchlight-answers', 1, {
    upgrade(d) {
      d.createObjectStore('answers', { keyPath: 'id' }).createIndex('request', 'request');
    },
  }));

/** Keeps an answer as it is now. */
export async function keep(answer: Answer): Promise<void> {
  await (await db()).put('answers', $state.snapshot(answer) as Answer);
}

/** The unsent answer to a request that this device holds, if any. */
export async function unsent(request: string): Promise<Answer | undefined> {
  const all = await (await db()).getAllFromIndex('answers', 'request', request);
  return all.find((a) => a.state !== 'sent');
}

/** Every answer this device sent, newest first. */
export async function sent(): Promise<Answer[]> {
  return (await (await db()).getAll('answers')).filter((a) => a.state === 'sent').sort((a, b) => b.made - a.made);
}

/** The answer whose link is or will be secret, when it was sent from this device. */
export async function bySecret(secret: string): Promise<Answer | undefined> {
  return (await (await db()).getAll('answers')).find((a) => a.secret === secret || a.next === secret);
}

/** Forgets an answer and its files. */
export async function forget(answer: Answer): Promise<void> {
  await (await db()).delete('answers', answer.id);
  await removeFiles(...answer.clips.flatMap(files));
}

const files = (c: ClipRecord) => [c.prepared, c.sealed ?? ''].filter(Boolean);

/** Removes files that no unsent answer needs, left by a page that was closed in between. */
export async function tidy(): Promise<void> {
  const needed = new Set((await (await db()).getAll('answers')).filter((a) => a.state !== 'sent').flatMap((a) => a.clips.flatMap(files)));
  await removeFiles(...(await listFiles()).filter((name) => !needed.has(name))).catch(() => undefined); // another tab may be writing one
}

export function newAnswer(request: string, agency: Answer['agency'], vault: string): Answer {
  return {
    id: ulid(),
    request,
    agency,
    vault,
    secret: newSecret(),
    upload: newToken(),
    made: Date.now(),
    state: 'draft',
    consent: '',
    identity: { disclosure: 'through-porchlight', email: '', address: '' },
    message: '',
    clips: [],
  };
}

export function newClip(filename: string): ClipRecord {
  const salt = base64.encode(crypto.getRandomValues(new Uint8Array(32)));
  return { id: ulid(), filename, prepared: '', size: 0, duration: 0, edits: {}, hasAudio: false, act: ulid(), salt };
}

export type Stage = 'sealing' | 'uploading' | 'recording';

/** How far a send is: clips done, the one in hand, and the share of all bytes that went out. */
export interface Progress {
  done: number;
  clip: number;
  stage: Stage;
  fraction: number;
}

/**
 * Sends an answer, from wherever an earlier try got to. Rejects with a Problem,
 * UploadRefused, NoRoom, a TypeError when offline, or the signal's reason; then
 * calling it again goes on.
 */
export async function send(answer: Answer, onProgress: (p: Progress) => void, signal?: AbortSignal): Promise<void> {
  const cap = await capability(answer.secret);
  answer.state = 'sending';
  await keep(answer);
  await post('/api/v1/submissions', {
    body: {
      id: answer.id,
      request: answer.request,
      upload_hash: base64.encode(base64urlnopad.decode(answer.upload.hash)),
      owner_hash: base64.encode(base64urlnopad.decode(cap.tokenHash)),
      recipient: cap.recipient,
      consent: answer.consent,
    },
  });
  const total = answer.clips.reduce((sum, c) => sum + c.size, 0) || 1;
  for (const [i, clip] of answer.clips.entries()) {
    if (clip.receipt) continue;
    const before = answer.clips.slice(0, i).reduce((sum, c) => sum + c.size, 0);
    const tell = (stage: Stage, part: number) =>
      onProgress({ done: i, clip: i, stage, fraction: Math.min(1, (before + clip.size * part) / total) });
    await sealStep(answer, clip, tell, signal);
    await uploadStep(answer, clip, tell, signal);
    tell('recording', 1);
    signal?.throwIfAborted();
    await shareStep(answer, clip);
  }
  answer.state = 'sent';
  await keep(answer);
}

type Tell = (stage: Stage, part: number) => void;

async function sealStep(answer: Answer, clip: ClipRecord, tell: Tell, signal?: AbortSignal): Promise<void> {
  if (clip.uploaded || (clip.sealed && clip.sha256 && (await openFile(clip.sealed)))) return;
  const prepared = await openFile(clip.prepared);
  if (!prepared) throw new Error('the prepared clip is gone from this device');
  const name = `${clip.id}.age`;
  const done = await seal(prepared, answer.vault, name, {
    ...(signal && { signal }),
    onProgress: (n, all) => tell('sealing', (n / Math.max(1, all)) * 0.3),
  });
  clip.sealed = name;
  clip.sha256 = done.sha256;
  delete clip.uploadUrl; // another file: an upload begun before no longer fits
  await keep(answer);
}

async function uploadStep(answer: Answer, clip: ClipRecord, tell: Tell, signal?: AbortSignal): Promise<void> {
  if (clip.uploaded) return;
  const sealed = await openFile(clip.sealed ?? '');
  if (!sealed) throw new Error('the sealed clip is gone from this device');
  const upload = new Upload(sealed, {
    endpoint: '/api/v1/uploads',
    token: answer.upload.token,
    url: clip.uploadUrl ?? null,
    onUrl: (url) => {
      clip.uploadUrl = url;
      void keep(answer);
    },
    onProgress: (n, all) => tell('uploading', 0.3 + (n / Math.max(1, all)) * 0.7),
  });
  clip.uploaded = await upload.run(signal);
  await keep(answer);
}

async function shareStep(answer: Answer, clip: ClipRecord): Promise<void> {
  const hash = clip.sha256 ?? '';
  const { blur, start, end, mute } = clip.edits;
  const { disclosure, email, address } = answer.identity;
  const letter = await sealLetter(
    {
      plaintext_sha256: hash,
      plaintext_salt: clip.salt,
      filename: clip.filename,
      duration_seconds: clip.duration,
      identity: { disclosure, ...(disclosure === 'email' && { email }), ...(disclosure === 'address' && { address }) },
      message: answer.message,
      edits: {
        ...(start !== undefined && end !== undefined && { trimmed: { start, end } }),
        ...(mute && { muted: true }),
        ...(blur?.length && { blurred: true }),
      },
    },
    answer.vault,
  );
  const { receipt } = await post('/api/v1/submissions/{submission}/clips', {
    path: { submission: answer.id },
    header: { 'Porchlight-Act': clip.act, 'Upload-Token': answer.upload.token },
    body: {
      upload: clip.uploaded ?? '',
      letter: base64.encode(letter),
      plaintext_sha256: commitment('plaintext_sha256', base64.decode(clip.salt), hash),
      vault: answer.vault,
    },
  });
  clip.receipt = disclose(receipt, 'plaintext_sha256', clip.salt, hash);
  await keep(answer);
  await removeFiles(...files(clip)).catch(() => undefined); // tidy does it later
}

/** The receipt with one more disclosure, which only this device could make; lines stay sorted by name. */
export function disclose(receipt: string, name: string, salt: string, value: string): string {
  const [head = '', ...rest] = receipt.split('\n\n');
  const lines = head.split('\n');
  const first = lines.findIndex((l) => l.startsWith('disclose '));
  const kept = first < 0 ? lines : lines.slice(0, first);
  const disclosures = first < 0 ? [] : lines.slice(first);
  disclosures.push(`disclose ${name} ${salt} ${base64.encode(utf8ToBytes(value))}`);
  disclosures.sort((a, b) => ((a.split(' ')[1] ?? '') < (b.split(' ')[1] ?? '') ? -1 : 1));
  return [[...kept, ...disclosures].join('\n'), ...rest].join('\n\n');
}
