// The request a resident answers, and the key of the agency that asks: checked
// on this device against the ledger's proof, never taken on the server's word.
import { get, type Agency, type RequestView } from '$lib/api/client';
import { recall, type Content } from '$lib/feed/feed';
import { checkVaultKey, type Descriptor } from '$lib/ledger';
import type { Problem } from '$lib/problem';

export interface Asked {
  request: Content | RequestView;
  agency: Agency;
  /** What clips are sealed to, proved by the entry; undefined while the agency has none. */
  key?: { recipient: string; entry: number };
  closed: boolean;
}

/** Loads request, agency and key. Rejects with a Problem, or a VaultKeyError when the key is not what the ledger says. */
export async function openRequest(id: string): Promise<Asked> {
  // Whoever comes from the feed asks nobody which request she opened.
  const request = recall(id) ?? (await get('/api/v1/requests/{id}', { path: { id } }));
  const agency = await get('/api/v1/agencies/{ori}', { path: { ori: request.agency } });
  const closed = ('state' in request && request.state !== 'open') || new Date(request.expires).getTime() <= Date.now();
  const asked: Asked = { request, agency, closed };
  if (agency.vault && agency.status === 'active') asked.key = { recipient: await prove(agency), entry: agency.vault.entry };
  return asked;
}

async function prove({ ori, vault }: Agency): Promise<string> {
  const [receipt, descriptor] = await Promise.all([
    text(`/ledger/${vault?.entry}/receipt`),
    text('/.well-known/porchlight.json').then((json) => JSON.parse(json) as Descriptor),
  ]);
  // The recipient is read from the proved entry; the exchange then refuses any but the newest.
  return (await checkVaultKey(receipt, descriptor, ori)).recipient;
}

async function text(path: string): Promise<string> {
  const res = await fetch(path);
  if (!res.ok) throw { type: 'about:blank', title: `${res.status} ${res.statusText}`, status: res.status } satisfies Problem;
  return res.text();
}
