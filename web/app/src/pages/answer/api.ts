// The exchange's API as a resident's pages use it.
import { call as http } from '$lib/http';

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
}

/** One API call. Rejects with a Problem when the exchange says no, with a TypeError when it cannot be reached. */
export async function call<T>(method: string, path: string, { body, act, capability, uploadToken }: Call = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (act) headers['Porchlight-Act'] = act;
  if (capability) headers['Authorization'] = `Capability ${capability}`;
  if (uploadToken) headers['Upload-Token'] = uploadToken;
  return (await http<T>(method, path, body, headers)).data;
}
