// What a colleague's device enrolled with, checked here before anything is
// sealed to it: the entry of person.enrol carries its passkey's public key and
// commits to its age recipient, and the passkey itself signed that entry's act.

import { get } from '../api/client';
import { introduction, signed, verifierOf, type Verifier } from '../ledger';
import { Unproved } from '../unproved';

/** Checks the enrolment of a device (credential id) of one's own agency. Throws Unproved or a Problem. */
export async function checkDevice(device: string, recipient: string, agency: string): Promise<void> {
  const [{ receipt }, exchange] = await Promise.all([get('/api/v1/devices/{device}/receipt', { path: { device } }), introduction()]);
  await checkEnrolment(receipt, verifierOf(exchange), device, recipient, agency);
}

/** Checks an enrolment's receipt. Throws Unproved. */
export async function checkEnrolment(receipt: string, v: Verifier, device: string, recipient: string, agency: string): Promise<void> {
  const { entry, disclosures } = await signed('device', receipt, v, 'person.enrol');
  const value = (name: string) => disclosures.find((d) => d.name === name)?.value;
  if (entry.act.agency !== agency) throw new Unproved('device', 'of another agency');
  if (value('credential') !== device) throw new Unproved('device', 'another device');
  if (value('device_recipient') !== recipient) throw new Unproved('device', 'another recipient');
}
