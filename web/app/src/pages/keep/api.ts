// Items over the API, as custodians and investigators use them.
import { act, type Acted } from '$lib/act';
import { get } from '$lib/http';

export interface Item {
  id: string;
  request: string;
  /** ORI of the custodian. */
  agency: string;
  /** This agency is the custodian; else the item was shared with it. */
  own: boolean;
  case?: string;
  state: string;
  cause?: string;
  size: number;
  ciphertext_sha256: string;
  received: string;
  category?: string;
  dispose_at?: string;
  ground?: string;
}

export interface Category {
  id: string;
  /** 0: until somebody decides. */
  days: number;
  citation: string;
}

export interface Custody {
  agency: string;
  name: string;
  by?: string;
  purpose?: string;
  expires?: string;
  no_reshare: boolean;
  since: string;
  entry: number;
}

export interface Hold {
  id: string;
  agency: string;
  reason: string;
  order: string;
  until?: string;
  placed: string;
  lifted?: string;
  stands: boolean;
}

export interface Event {
  entry: number;
  at: string;
  action: string;
  role: string;
  agency?: string;
  agency_name?: string;
  /** Name of the agency it was shared with or taken back from. */
  other_name?: string;
  person?: string;
  signed: boolean;
  outcome: string;
  public?: Record<string, string>;
  private?: Record<string, string>;
}

export interface Detail {
  item: Item;
  consent: { text: string; language: string; identity: string };
  custody: Custody[];
  holds: Hold[];
  chain: Event[];
}

/** What a view or an export releases; byte strings are base64. */
export interface Opened {
  act: string;
  header: string;
  letter: string;
  notes: { id: string; sealed: string; by: string; at: string }[];
  payload_size: number;
  until: string;
  receipt: string;
}

export interface PackageParts {
  dir: string;
  info: { label: string; value: string }[];
  parts: { path: string; data: string }[];
}

export interface Agency {
  ori: string;
  name: string;
  kind: string;
  status: string;
  vault?: { recipient: string; entry: number };
}

export interface Correspondence {
  /** Age recipient of the owner. */
  recipient: string;
  messages: { id: string; from_owner: boolean; sealed: string; at: string; entry: number }[];
}

export const listItems = (state = '', caseNumber = '') =>
  get<{ items: Item[]; categories: Category[] }>(`/items?${new URLSearchParams({ ...(state && { state }), ...(caseNumber && { case: caseNumber }) })}`);
export const getItem = (id: string) => get<Detail>(`/items/${encodeURIComponent(id)}`);
export const getReceipt = (id: string, entry: number) => get<{ receipt: string }>(`/items/${encodeURIComponent(id)}/receipts/${entry}`);

/** An act on an item, signed with the passkey. */
export const itemAct = <T = { receipt: string }>(action: string, id: string, path: string, body: unknown): Promise<Acted<T>> =>
  act<T>(action, `/items/${encodeURIComponent(id)}/${path}`, body);
