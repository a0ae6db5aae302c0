// An RFC 9457 problem as the API sends it, and anything thrown turned into one.

export interface RefusingRule {
  id: string;
  /** One sentence a resident understands, by language; English is always there. */
  plain: Record<string, string>;
  citation: string;
  /** URL of the text, empty if none. */
  source?: string;
}

export interface Problem {
  type: string;
  title: string;
  status?: number;
  detail?: string;
  instance?: string;
  /** Of /problems/refused: what refused it, and the receipt of the refusal. */
  rules?: RefusingRule[];
  receipt?: string;
  /** Of a validation problem: what is wrong where. */
  errors?: { message?: string; location?: string; value?: unknown }[];
}

/** The problem that an error, a rejected fetch or a parsed answer stands for. */
export function problemOf(e: unknown): Problem {
  if (isProblem(e)) return e;
  if (e instanceof TypeError && /fetch|network|load failed/i.test(e.message)) return { type: 'offline', title: e.message };
  if (e instanceof Error) return { type: 'about:blank', title: e.message };
  return { type: 'about:blank', title: String(e) };
}

function isProblem(e: unknown): e is Problem {
  return typeof e === 'object' && e !== null && !(e instanceof Error) && 'title' in e && typeof e.title === 'string';
}
