const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** A fresh ULID in lower case (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits. */
export function ulid(now = Date.now()): string {
  let id = '';
  for (let i = 9, ms = now; i >= 0; i--, ms = Math.floor(ms / 32)) id = alphabet[ms % 32] + id;
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) id += alphabet[byte % 32];
  return id;
}
