import { base64, base64urlnopad } from '@scure/base';
import { describe, expect, it } from 'vitest';
import enrolment from '../../../../../testdata/keys/enrolment.json';
import vectors from '../../../../../testdata/keys/vectors.json';
import { ActMismatch, checkAct, commitment } from '../act';
import { capability } from '../seal/capability';
import { checkEnrolment, EnrolmentUnproved } from './enrolment';
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
      vault, device: '', wrapped: base64.encode(await wrap(identity, to)),
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

describe('a colleague\'s enrolment', () => {
  const { receipt, device, recipient, rp_id } = enrolment;
  const entry = receipt.match(/^entry (\S+)$/m)![1]!;
  const edited = (change: (entry: string) => string) =>
    receipt.replace(entry, base64.encode(new TextEncoder().encode(change(new TextDecoder().decode(base64.decode(entry))))));

  it('is believed with the receipt that Go made', async () => {
    await checkEnrolment(receipt, device, recipient, rp_id);
  });
  it.each([
    ['device', receipt, 'AAAA', recipient, rp_id],
    ['recipient', receipt, device, vectors.device[0]!.recipient, rp_id],
    ['site', receipt, device, recipient, 'evil.example'],
    ['act', edited((e) => e.replace('"person.enrol"', '"person.invite"')), device, recipient, rp_id],
    ['signed text', edited((e) => e.replace('"custodian"', '"requester"')), device, recipient, rp_id],
    ['disclosure', receipt.replace(/^disclose device_recipient .*\n/m, ''), device, recipient, rp_id],
    ['format', 'hello', device, recipient, rp_id],
  ])('is not believed with another %s', async (_, ...args) => {
    await expect(checkEnrolment(...args)).rejects.toThrow(EnrolmentUnproved);
  });
});
