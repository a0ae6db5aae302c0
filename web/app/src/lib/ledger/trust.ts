// What the app must see proved before it trusts it: never the server's word, but
// a receipt of the act that made it so.

import { Unproved, type Subject } from '../unproved';
import type { Problem } from '../problem';
import { parseReceipt, ReceiptError, type Receipt } from './receipt';
import { verifierOf, verifyReceipt, type Descriptor, type Verifier } from './verify';

/** The receipt of a permitted act of this kind, checked. Throws Unproved. */
export const permitted = async (what: Subject, receipt: string, v: Verifier, action: string): Promise<Receipt> =>
  (await check(what, receipt, v, action)).receipt;

/** As permitted; and the signature is disclosed, of the passkey that the act enrols or that one of enrolments did, for the agency that acted. */
export async function signed(what: Subject, receipt: string, v: Verifier, action: string, enrolments: string[] = []): Promise<Receipt> {
  const { receipt: r, report } = await check(what, receipt, v, action, enrolments);
  if (!report.claims.some((c) => c.what === 'passkey-holder' && c.status === 'proved')) throw new Unproved(what, `entry ${r.index} does not show whose passkey signed it`);
  return r;
}

async function check(what: Subject, receipt: string, v: Verifier, action: string, enrolments: string[] = []) {
  try {
    const r = parseReceipt(receipt);
    const report = await verifyReceipt(r, v, enrolments.map((e) => parseReceipt(e)));
    if (!report.ok) throw new Unproved(what, `the receipt does not hold: ${report.claims.find((c) => c.status === 'refused')?.what}`);
    if (r.entry.act.action !== action || !r.entry.decision.permit) throw new Unproved(what, `entry ${r.index} is no permitted ${action}`);
    return { receipt: r, report };
  } catch (e) {
    throw e instanceof ReceiptError ? new Unproved(what, e.message) : e;
  }
}

/** What one of an agency's vaults is for. */
export type Use = 'evidence' | 'plates';

/**
 * The age recipient that the ledger proves for the agency with this ORI: from the
 * receipt of its act vault.publish, signed by a passkey that the receipt of an
 * act person.enrol introduces for that agency. Throws Unproved. That no later
 * vault.publish replaced it is for the exchange to say; it refuses clips sealed
 * to an old one.
 */
export async function checkVaultKey(receipt: string, enrolment: string, v: Verifier, ori: string, use: Use = 'evidence'): Promise<string> {
  const { act } = (await signed('vault-key', receipt, v, 'vault.publish', [enrolment])).entry;
  if (act.agency !== ori || act.public?.agency !== ori) throw new Unproved('vault-key', 'it is of another agency');
  // Entries from before there was more than one vault do not say which: evidence.
  if ((act.public.vault ?? 'evidence') !== use) throw new Unproved('vault-key', 'it is of another vault of that agency');
  const recipient = act.public.recipient ?? '';
  if (!/^age1[02-9ac-hj-np-z]{58}$/.test(recipient)) throw new Unproved('vault-key', 'it is no age recipient');
  return recipient;
}

/** As checkVaultKey, with the receipts fetched: of this entry, and of the enrolment that it names. Throws a Problem too. */
export async function vaultKey(ori: string, entry: number, use: Use = 'evidence'): Promise<string> {
  const [receipt, d] = await Promise.all([receiptAt(entry), introduction()]);
  const v = verifierOf(d);
  const { enrolment } = (await permitted('vault-key', receipt, v, 'vault.publish')).entry.act.public ?? {};
  if (!enrolment || !/^\d+$/.test(enrolment)) throw new Unproved('vault-key', 'the entry names no enrolment');
  return checkVaultKey(receipt, await receiptAt(enrolment), v, ori, use);
}

/** How the exchange introduces itself: its claim of which keys to check with. Throws a Problem. */
export const introduction = async (): Promise<Descriptor> => JSON.parse(await text('/.well-known/porchlight.json')) as Descriptor;

/** The receipt of an entry as everybody may have it. Throws a Problem. */
export const receiptAt = (entry: number | string): Promise<string> => text(`/ledger/${entry}/receipt`);

async function text(path: string): Promise<string> {
  const res = await fetch(path, { credentials: 'omit' });
  if (!res.ok) throw { type: 'about:blank', title: `${res.status} ${res.statusText}`, status: res.status } satisfies Problem;
  return res.text();
}
