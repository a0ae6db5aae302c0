// What a receipt says of itself, without checking it (that is lib/ledger's).

export interface ReceiptFacts {
  /** Index of the entry in the ledger; absent when the text has none. */
  index?: number;
  /** The ledger's origin, e.g. "maple-falls.example/porchlight". */
  origin?: string;
}

/** Reads index and origin from a receipt's text (docs/architecture.md, Receipt). */
export function receiptFacts(text: string): ReceiptFacts {
  const proof = text.slice(text.indexOf('c2sp.org/tlog-proof@v1'));
  const index = proof.match(/^index (\d+)$/m)?.[1];
  const origin = proof.split('\n\n')[1]?.split('\n')[0];
  return { ...(index && { index: Number(index) }), ...(origin && { origin }) };
}

/** A link to the check page that carries the receipt in its fragment, so that it stays in the browser. */
export function verifyLink(text: string): string {
  const binary = String.fromCharCode(...new TextEncoder().encode(text));
  return '/verify#receipt=' + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
