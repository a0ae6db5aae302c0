// The request a resident answers, and the key of the agency that asks: checked
// on this device against the ledger's proof, never taken on the server's word.
import { get, type Agency, type RequestView } from '$lib/api/client';
import { checkContent, type Content } from '$lib/feed/content';
import { recall } from '$lib/feed/feed';
import { introduction, receiptAt, vaultKey, verifierOf } from '$lib/ledger';
import { Unproved } from '$lib/unproved';

export interface Asked {
  request: Content | RequestView;
  agency: Agency;
  /** What clips are sealed to, proved by the entry; undefined while the agency has none. */
  key?: { recipient: string; entry: number };
  closed: boolean;
}

/** Loads request, agency and key. Throws a Problem, or Unproved when request or key are not what the ledger says. */
export async function openRequest(id: string): Promise<Asked> {
  // Whoever comes from the feed asks nobody which request she opened.
  const request = recall(id) ?? (await published(id));
  const agency = await get('/api/v1/agencies/{ori}', { path: { ori: request.agency } });
  const closed = ('state' in request && request.state !== 'open') || new Date(request.expires).getTime() <= Date.now();
  const asked: Asked = { request, agency, closed };
  if (agency.vault && agency.status === 'active') asked.key = { recipient: await vaultKey(agency.ori, agency.vault.entry), entry: agency.vault.entry };
  return asked;
}

async function published(id: string): Promise<RequestView> {
  const request = await get('/api/v1/requests/{id}', { path: { id } });
  if (request.decision_entry === undefined) throw new Unproved('request', 'it was not published');
  const [receipt, exchange] = await Promise.all([receiptAt(request.decision_entry), introduction()]);
  await checkContent({ ...request, area: request.area as Content['area'] }, receipt, verifierOf(exchange));
  return request;
}
