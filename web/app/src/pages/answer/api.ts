// The exchange's API as a resident's pages use it.
import type { Problem } from '$lib/problem';

export interface RequestView {
  id: string;
  agency: string;
  incident: string;
  narrative: string;
  from: string;
  to: string;
  time_zone: string;
  expires: string;
  contact: string;
}

export interface AgencyView {
  ori: string;
  name: string;
  status: string;
  vault: { recipient: string; entry: number } | null;
}

export interface FollowedEvent {
  entry: number;
  at: string;
  action: string;
  actor: string;
  agency?: string;
  outcome: string;
  public?: Record<string, string>;
  private?: Record<string, string>;
}

export interface FollowedClip {
  item: string;
  state: string;
  cause?: string;
  size: number;
  ciphertext_sha256: string;
  received: string;
  category?: string;
  dispose_at?: string;
  ground?: string;
  events: FollowedEvent[];
}

export interface SealedMessage {
  id: string;
  from_owner: boolean;
  /** base64 */
  sealed: string;
  at: string;
  entry: number;
}

export interface Followed {
  id: string;
  made: string;
  request: RequestView;
  agency: { ori: string; name: string; vault: string };
  consent: string;
  clips: FollowedClip[];
  messages: SealedMessage[];
}

interface Call {
  body?: unknown;
  act?: string;
  capability?: string;
  uploadToken?: string;
  signal?: AbortSignal | undefined;
}

/** One API call. Rejects with a Problem when the exchange says no, with a TypeError when it cannot be reached. */
export async function call<T>(method: string, path: string, { body, act, capability, uploadToken, signal }: Call = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (act) headers['Porchlight-Act'] = act;
  if (capability) headers['Authorization'] = `Capability ${capability}`;
  if (uploadToken) headers['Upload-Token'] = uploadToken;
  const res = await fetch(`/api/v1${path}`, { method, headers, signal: signal ?? null, body: body === undefined ? null : JSON.stringify(body) });
  if (res.ok) return (res.status === 204 ? undefined : await res.json()) as T;
  const text = await res.text();
  let problem: Problem = { type: 'about:blank', title: `${res.status} ${res.statusText}`, status: res.status };
  try {
    problem = { ...problem, ...(JSON.parse(text) as Problem) };
  } catch {
    // a proxy's page, not a problem document
  }
  throw problem;
}

/** A ULID in lower case (https://github.com/ulid/spec). */
export function ulid(now = Date.now()): string {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  let time = '';
  for (let i = 0, n = now; i < 10; i++, n = Math.floor(n / 32)) time = digits.charAt(n % 32) + time;
  return time + Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => digits.charAt(b % 32)).join('');
}
