import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import en from '../../../../messages/en.json';
import { toBase64 } from './bytes';
import { commit, messageKey, parseReceipt, ReceiptError, verifyReceipt, type Claim, type Verifier } from './index';

// Written by `go test ./ledger -run TestVectors -update`.
const dir = new URL('../../../../../ledger/testdata/receipts/', import.meta.url);
interface Vector {
  file: string;
  log_key: string;
  witnesses: string[];
  quorum: number;
  enrolment?: string;
  error_line?: number;
  claims?: (Claim & { detail: string })[];
}
const vectors: Vector[] = JSON.parse(readFileSync(new URL('vectors.json', dir), 'utf8'));
const read = (file: string) => new Uint8Array(readFileSync(new URL(file, dir)));
const verifier = (v: Vector): Verifier => ({ logKey: v.log_key, witnesses: v.witnesses, quorum: v.quorum });
const find = (file: string): Vector => vectors.find((v) => v.file === file)!;

describe('receipts', () => {
  test.each(vectors)('$file', async (v) => {
    if (v.error_line) {
      expect(() => parseReceipt(read(v.file))).toThrow(ReceiptError);
      try {
        parseReceipt(read(v.file));
      } catch (err) {
        expect((err as ReceiptError).line).toBe(v.error_line);
      }
      return;
    }
    const report = await verifyReceipt(read(v.file), verifier(v), v.enrolment ? [parseReceipt(read(v.enrolment))] : []);
    expect(report.claims).toEqual(v.claims!.map(({ status, what, params = {} }) => ({ status, what, params })));
    expect(report.ok).toBe(!v.file.startsWith('bad-'));
    // The catalogue's words are those of the command line.
    for (const [i, c] of report.claims.entries()) {
      const words = (en as Record<string, string>)[messageKey(c)];
      expect(words?.replace(/\{(\w+)\}/g, (_, k: string) => c.params[k]!)).toBe(v.claims![i]!.detail);
    }
  });

  test('no line can change', async () => {
    const v = find('disclosed.txt');
    const lines = readFileSync(new URL(v.file, dir), 'utf8').split('\n');
    for (const [i, line] of lines.entries()) {
      for (const at of new Set([0, line.length >> 1, line.length - 1])) {
        const other = line[at] === 'A' ? 'B' : 'A';
        const changed = [...lines];
        changed[i] = line === '' ? 'A' : line.slice(0, at) + other + line.slice(at + 1);
        const outcome = await verifyReceipt(changed.join('\n'), verifier(v)).catch((err: unknown) => {
          expect(err).toBeInstanceOf(ReceiptError);
          return { ok: false };
        });
        expect(outcome.ok, `line ${i + 1}, character ${at}`).toBe(false);
      }
      const shorter = line.startsWith('disclose ') ? [] : [lines.toSpliced(i, 1)]; // what is withheld may be left out
      for (const changed of [...shorter, lines.toSpliced(i, 0, line)]) {
        const ok = await verifyReceipt(changed.join('\n'), verifier(v)).then((r) => r.ok, () => false);
        expect(ok, `line ${i + 1} left out or doubled`).toBe(false);
      }
    }
  });

  test('keys that cannot be used', async () => {
    const v = find('plain.txt');
    const good = verifier(find('disclosed.txt'));
    for (const bad of [
      { ...good, logKey: '' },
      { ...good, logKey: good.witnesses[0]! },
      { ...good, logKey: good.logKey.replace(/\+[0-9a-f]{8}\+/, '+00000000+') },
      { ...good, witnesses: [good.logKey] },
      { ...good, quorum: 3 },
      { ...good, quorum: -1 },
    ])
      await expect(verifyReceipt(read(v.file), bad)).rejects.toThrow();
  });

  test('a commitment is what Go makes of it', async () => {
    const { entry, disclosures } = parseReceipt(read('disclosed.txt'));
    for (const d of disclosures) expect(toBase64(await commit(d.name, d.salt, d.value))).toBe(entry.act.private![d.name]);
  });
});
