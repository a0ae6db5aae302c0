// A plate camera as its administrator sees it: how it does, and what its
// program must be told. docs/cameras.md is the long form.
import { sha256 } from '@noble/hashes/sha2.js';
import { base64, base64urlnopad } from '@scure/base';
import type { Schemas } from '$lib/api/client';

export type Camera = Schemas['CameraView'];
export type Draft = Schemas['CameraDraft'];
export type Dialect = Draft['speaks'];

export const dialects = ['signed', 'openalpr', 'platerecognizer', 'frigate', 'csv'] as const;

/** What a camera shows: a signature, a token, or nothing as its broker is trusted. */
export const shows = (speaks: Dialect): 'key' | 'token' | 'broker' => (speaks === 'signed' ? 'key' : speaks === 'frigate' ? 'broker' : 'token');

/** A token for an address or header. Only its hash goes to the exchange. */
export function newToken(): { token: string; secret: string } {
  const token = base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(32)));
  return { token, secret: base64.encode(sha256(new TextEncoder().encode(token))) };
}

/** An Ed25519 public key as porchlight camera keygen prints it. */
export function isKey(text: string): boolean {
  try {
    return base64.decode(text.trim()).length === 32;
  } catch {
    return false;
  }
}

const AHEAD = 60_000;
const BEHIND = 10 * 60_000;
const SILENT = 24 * 3_600_000;

/** How a camera does, worst first. */
export function stateOf(c: Camera, now: number): 'removed' | 'waiting' | 'trouble' | 'clock' | 'silent' | 'well' {
  if (c.removed) return 'removed';
  if (c.trouble) return 'trouble';
  if (!c.last_sent) return 'waiting';
  if (now - Date.parse(c.last_sent) > SILENT) return 'silent';
  if (c.speaks !== 'csv' && (c.skew_ms > AHEAD || c.skew_ms < -BEHIND)) return 'clock';
  return 'well';
}

/** New reads of today. */
export const readsToday = (c: Camera): number => c.today.fresh + c.today.late;

/** One line that connects the program beside a camera. */
export function setupLine(c: Camera, origin: string, agency: string, token = '<token>'): string {
  const post = `${origin}/api/v1/plates/reads`;
  switch (c.speaks) {
    case 'signed':
      return `porchlight camera send --url ${origin} --camera ${c.id} --key camera.key reads.json`;
    case 'csv':
      return `curl -H "Authorization: Bearer ${token}" --data-binary @reads.csv ${post}`;
    case 'frigate':
      return `mqtt: [{agency: ${agency}, url: "tcp://broker:1883", user: "porchlight", password: "..."}]`;
    default:
      return `${post}/${token}`;
  }
}
