// What the world reads of a request, and the ledger's word for it.
import type { Polygon } from '$lib/map/shapes';
import { permitted, type Verifier } from '$lib/ledger';
import { Unproved } from '$lib/unproved';

/** What a request says, as the entry of its publication commits to it. */
export interface Content {
  id: string;
  /** ORI */
  agency: string;
  incident: string;
  narrative: string;
  area: Polygon;
  from: string;
  to: string;
  /** IANA zone in which the window is to be read. */
  time_zone: string;
  expires: string;
  contact: string;
}

/** Lower-case hex SHA-256 of a request's content: the public value "content" of the entry that published it (canvass.Content.Hash). */
export async function contentHash(c: Content): Promise<string> {
  const { id, agency, incident, narrative, area, from, to, time_zone, expires, contact } = c;
  const { type, coordinates } = area;
  const json = JSON.stringify({ id, agency, incident, narrative, area: { type, coordinates }, from, to, time_zone, expires, contact });
  const sum = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(json));
  return Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** Checks that exactly this content was published, by the receipt of its act request.moderate. Throws Unproved. */
export async function checkContent(c: Content, receipt: string, v: Verifier): Promise<void> {
  const said = (await permitted('request', receipt, v, 'request.moderate')).entry.act.public ?? {};
  if (said.verdict !== 'approve' || said.request !== c.id || said.asker !== c.agency) throw new Unproved('request', 'the entry published another request');
  if (said.content !== (await contentHash(c))) throw new Unproved('request', 'the request is not what was published');
}
