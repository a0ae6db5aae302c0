// What neighbors do without an account: a link of their own, forms, and places
// told no finer than they want (geo/rounding.go).
import { base64, base64urlnopad } from '@scure/base';
import { Decrypter } from 'age-encryption';
import { capability, newSecret, type Capability } from './seal/capability';
import { sealText } from './seal/letter';
import type { Point } from './map/shapes';

export const roundings = ['exact', '100m', '500m'] as const;
export type Rounding = (typeof roundings)[number];

/** Steps of the grids, in degrees times 10^7. */
const steps: Record<Rounding, number> = { exact: 1, '100m': 10_000, '500m': 50_000 };

/** The place of the grid nearest to point, as the exchange takes it. */
export function rounded({ lat, lng }: Point, rounding: Rounding): { lon: number; lat: number } {
  const step = steps[rounding];
  const onGrid = (degrees: number) => (Math.floor(Math.round(degrees * 1e7) / step + 0.5) * step) / 1e7;
  return { lon: onGrid(lng), lat: onGrid(lat) };
}

/** A link just made, in the words of the API. */
export async function newBearer(): Promise<{ cap: Capability; owner_hash: string; recipient: string }> {
  const cap = await capability(newSecret());
  return { cap, owner_hash: base64.encode(base64urlnopad.decode(cap.tokenHash)), recipient: cap.recipient };
}

/** Shows the link, and names the act. */
export const bears = (cap: Capability, act: string) => ({ Authorization: `Capability ${cap.token}`, 'Porchlight-Act': act });

/** Who has a link, and the links that it replaced: what was sealed to those she opens still. */
export interface Bearer extends Capability {
  /** Oldest first. */
  readonly earlier: readonly Capability[];
}

/** The bearer of a link; past as the exchange keeps it of the link (client.Secret.Next in Go). */
export async function bearer(cap: Capability, past?: string): Promise<Bearer> {
  const list = past && (await opened({ ...cap, earlier: [] }, past));
  return { ...cap, earlier: await Promise.all(((list ? JSON.parse(list) : []) as string[]).map(capability)) };
}

/** What the exchange is told of a link that replaces another. */
export interface NextLink {
  owner_hash: string;
  recipient: string;
  past: string;
}

/** A link to replace the bearer's. */
export async function nextLink(b: Bearer): Promise<{ secret: string; link: NextLink }> {
  const { cap, ...link } = await newBearer();
  const past = await sealText(JSON.stringify([...b.earlier, b].map((c) => c.secret)), link.recipient);
  return { secret: cap.secret, link: { ...link, past: base64.encode(past) } };
}

/** What somebody wrote to the bearer; undefined when it cannot be opened. */
export async function opened(b: Bearer, sealed: string): Promise<string | undefined> {
  const d = new Decrypter();
  for (const c of [b, ...b.earlier]) d.addIdentity(c.identity);
  return d.decrypt(base64.decode(sealed), 'text').catch(() => undefined);
}

/** A form that anybody may send: good once, a few seconds after it was fetched. */
export class Form {
  private token!: Promise<{ form: string }>;
  private from = 0;

  constructor(private readonly fetch: () => Promise<{ form: string }>) {
    this.renew();
  }

  /** Sends something with it; the next thing has a form of its own. */
  async use<T>(send: (form: string) => Promise<T>): Promise<T> {
    try {
      const { form } = await this.token;
      const left = this.from + 5_000 - Date.now();
      if (left > 0) await new Promise((go) => setTimeout(go, left));
      return await send(form);
    } finally {
      this.renew();
    }
  }

  private renew() {
    this.from = Date.now();
    this.token = this.fetch();
  }
}

/** The links this device keeps, by what they open. Only for this device's person. */
export const links = {
  of: (what: string): string[] => {
    try {
      return JSON.parse(localStorage.getItem(`porchlight.links.${what}`) ?? '[]') as string[];
    } catch {
      return [];
    }
  },
  keep: (what: string, secret: string) => {
    try {
      localStorage.setItem(`porchlight.links.${what}`, JSON.stringify([...new Set([...links.of(what), secret])].slice(-20)));
    } catch {
      // not allowed here: she was told to keep the link
    }
  },
  forget: (what: string, secret: string) => {
    try {
      localStorage.setItem(`porchlight.links.${what}`, JSON.stringify(links.of(what).filter((s) => s !== secret)));
    } catch {
      // as above
    }
  },
};
