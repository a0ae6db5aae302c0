import { base64, base64urlnopad } from '@scure/base';
import { describe, expect, it } from 'vitest';
import trust from '../../../../../testdata/keys/trust.json';
import plates from '../../../../../testdata/keys/trust-plates.json';
import vectors from '../../../../../testdata/keys/vectors.json';
import { ActMismatch, checkAct, commitment } from '../act';
import { capability } from '../seal/capability';
import { checkVaultKey } from '../ledger';
import { Unproved } from '../unproved';
import { checkEnrolment } from './enrolment';
import { deviceKeys, fingerprint, fromPrint, newKeys, prfInput, printable, unwrap, wrap } from './keys';
import { NoVaultKey, openVaults } from './vault';

describe('the vectors shared with Go', () => {
  it.each(vectors.device)('device $recipient', async (v) => {
    expect(await deviceKeys(base64.decode(v.prf))).toEqual({ identity: v.identity, recipient: v.recipient });
  });
  it.each(vectors.capability)('capability $secret', async (v) => {
    expect(await capability(v.secret)).toMatchObject({ token: v.token, identity: v.identity, recipient: v.recipient });
  });
  it.each(vectors.challenge)('challenge $challenge', (v) => {
    const { id, action } = JSON.parse(v.act) as { id: string; action: string };
    expect(() => checkAct({ ...v, options: { challenge: v.challenge } }, action, id, {})).not.toThrow();
  });
  it('asks passkeys for SHA-256("porchlight prf v1")', () => {
    expect(base64urlnopad.encode(prfInput)).toBe(vectors.prf_input);
  });
});

describe('wrapped keys', () => {
  it('open with the right identity only, and only for the vault they name', async () => {
    const [vault, device, other] = await Promise.all([newKeys(), newKeys(), newKeys()]);
    const file = await wrap(vault.identity, device.recipient);
    expect(await unwrap(file, device.identity, vault.recipient)).toBe(vault.identity);
    await expect(unwrap(file, other.identity, vault.recipient)).rejects.toThrow();
    await expect(unwrap(file, device.identity, other.recipient)).rejects.toThrow('another vault');
  });
  it('are tried one by one', async () => {
    const [old, now, device, other] = await Promise.all([newKeys(), newKeys(), newKeys(), newKeys()]);
    const key = async (vault: string, identity: string, to: string) => ({
      vault, for: 'evidence' as const, device: '', wrapped: base64.encode(await wrap(identity, to)),
    });
    const keys = [
      await key(now.recipient, now.identity, other.recipient),
      await key(now.recipient, now.identity, device.recipient),
      await key(old.recipient, old.identity, device.recipient),
      await key(other.recipient, old.identity, device.recipient), // lies about its vault
    ];
    expect([...(await openVaults(device.identity, keys))]).toEqual([
      [now.recipient, now.identity],
      [old.recipient, old.identity],
    ]);
    await expect(openVaults((await newKeys()).identity, keys)).rejects.toThrow(NoVaultKey);
  });
});

describe('paper', () => {
  it('gives the recovery key back as it was printed, whatever the spaces', async () => {
    const key = await newKeys();
    expect(await fromPrint(` ${printable(key.identity).toLowerCase()}\n`)).toEqual(key);
    const wrong = printable(key.identity).replace(/.$/, (c) => (c === 'Q' ? 'P' : 'Q'));
    await expect(fromPrint(wrong)).rejects.toThrow();
  });
  it('shows a recipient as six groups of digits', () => {
    expect(fingerprint('age1abc')).toMatch(/^(\d{4} ){5}\d{4}$/);
    expect(fingerprint('age1abc')).not.toBe(fingerprint('age1abd'));
  });
});

describe('what is about to be signed', () => {
  const id = '01jd7v0q3x8m2c4n6p8r0t2v4x';
  const salt = base64.encode(new Uint8Array(32).fill(7));
  const ask = async (act: object, disclosures = [{ name: 'case', salt, value: '24-1' }]) => {
    const text = JSON.stringify(act);
    const nonce = new Uint8Array(32).fill(1);
    const data = new Uint8Array([...nonce, ...new TextEncoder().encode(text)]);
    const challenge = base64urlnopad.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', data)));
    return { act: text, nonce: base64urlnopad.encode(nonce), disclosures, options: { challenge } };
  };
  const good = { id, action: 'item.view', private: { case: commitment('case', base64.decode(salt), '24-1') } };

  it('is accepted when everything fits', async () => {
    checkAct(await ask(good), 'item.view', id, {});
  });
  it('is refused when it is another act, another value, or more than was shown', async () => {
    const bad = async (act: object, sealed = {}, disclosures?: { name: string; salt: string; value: string }[]) => {
      const asked = await ask(act, disclosures);
      expect(() => checkAct(asked, 'item.view', id, sealed)).toThrow(ActMismatch);
    };
    await bad({ ...good, action: 'item.destroy' });
    await bad({ ...good, id: id.replace('x', 'y') });
    await bad({ ...good, private: { ...good.private, extra: good.private.case } });
    await bad({ ...good, private: {} });
    await bad(good, {}, [{ name: 'case', salt, value: '24-2' }]);
    await bad(good, { plaintext_sha256: 'x' });
    const asked = { ...(await ask(good)), options: { challenge: 'AAAA' } };
    expect(() => checkAct(asked, 'item.view', id, {})).toThrow(ActMismatch);
  });
});

// What Go wrote: go test ./roster -run TestTrust -update
const ledger = { logKey: trust.log_key, witnesses: [], quorum: 0 };

describe('a colleague\'s enrolment', () => {
  const { receipt, device, recipient, agency } = trust;
  const entry = receipt.match(/^entry (\S+)$/m)![1]!;
  const edited = (change: (entry: string) => string) =>
    receipt.replace(entry, base64.encode(new TextEncoder().encode(change(new TextDecoder().decode(base64.decode(entry))))));

  it('is believed with the receipt that Go made', async () => {
    await checkEnrolment(receipt, ledger, device, recipient, agency);
  });
  it.each([
    ['device', receipt, 'AAAA', recipient, agency],
    ['recipient', receipt, device, vectors.device[0]!.recipient, agency],
    ['agency', receipt, device, recipient, 'IL0160100'],
    ['act', edited((e) => e.replace('"person.enrol"', '"person.invite"')), device, recipient, agency],
    ['signed text', edited((e) => e.replace('"custodian"', '"requester"')), device, recipient, agency],
    ['disclosure', receipt.replace(/^disclose device_recipient .*\n/m, ''), device, recipient, agency],
    ['signature', receipt.replace(/^disclose signature .*\n/m, ''), device, recipient, agency],
    ['format', 'hello', device, recipient, agency],
  ])('is not believed with another %s', async (_, text, ...args) => {
    await expect(checkEnrolment(text, ledger, ...args)).rejects.toThrow(Unproved);
  });
});

describe('the vault key of an agency', () => {
  it('is that of the entry, signed by a passkey of the agency', async () => {
    expect(await checkVaultKey(trust.published, trust.enrolment, ledger, trust.agency)).toBe(trust.vault);
  });
  it('is that of the vault meant: an entry that names none is of evidence', async () => {
    const { log_key: logKey, published, enrolment, agency, vault } = plates;
    const log = { logKey, witnesses: [], quorum: 0 };
    expect(await checkVaultKey(published, enrolment, log, agency, 'plates')).toBe(vault);
    await expect(checkVaultKey(published, enrolment, log, agency)).rejects.toThrow(Unproved);
    await expect(checkVaultKey(trust.published, trust.enrolment, ledger, trust.agency, 'plates')).rejects.toThrow(Unproved);
  });
  it.each([
    ['is of another agency', trust.published, trust.enrolment, 'IL0160100'],
    ['does not show its signature', trust.published.replace(/^disclose signature .*\n/m, ''), trust.enrolment, trust.agency],
    ['comes without its enrolment', trust.published, trust.published, trust.agency],
    ['comes with another enrolment', trust.published, trust.elsewhere, trust.agency],
    // The log's own key signed these: a server that lies can write them.
    ['was signed by another agency', trust.forged, trust.elsewhere, trust.agency],
    ['names an enrolment of somebody else', trust.forged, trust.enrolment, trust.agency],
    ['is no publication', trust.enrolment, trust.enrolment, trust.agency],
    ['is no receipt', 'hello', trust.enrolment, trust.agency],
  ])('is not believed when it %s', async (_, receipt, enrolment, agency) => {
    await expect(checkVaultKey(receipt, enrolment, ledger, agency)).rejects.toMatchObject({ name: 'Unproved', what: 'vault-key' });
  });
});
