// Bytes and text, each with one spelling.

export type Bytes = Uint8Array<ArrayBuffer>;

export const utf8 = (s: string): Bytes => new TextEncoder().encode(s);

export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', concat(...parts)));
}

export const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i]);

/** Standard base64, or undefined when s is not its one spelling (or not n bytes long). */
export function fromBase64(s: string, n?: number): Bytes | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(s)) return undefined;
  const binary = atob(s);
  if (btoa(binary) !== s || (n !== undefined && binary.length !== n)) return undefined;
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

export function toBase64(b: Uint8Array): string {
  let binary = '';
  for (const x of b) binary += String.fromCharCode(x);
  return btoa(binary);
}

/** base64url without padding (RFC 4648 section 5), or undefined. */
export function fromBase64url(s: string): Bytes | undefined {
  if (/[+/=]/.test(s)) return undefined;
  return fromBase64(s.replaceAll('-', '+').replaceAll('_', '/') + '='.repeat((4 - (s.length % 4)) % 4));
}

export const toBase64url = (b: Uint8Array): string =>
  toBase64(b).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

/** Bytes as text, or undefined when they are not UTF-8. */
export function text(b: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(b);
  } catch {
    return undefined;
  }
}

/** A number with one spelling, or undefined. */
export function decimal(s: string): bigint | undefined {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(s)) return undefined;
  const n = BigInt(s);
  return n < 1n << 63n ? n : undefined;
}
