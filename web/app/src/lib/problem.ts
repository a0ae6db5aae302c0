// An RFC 9457 problem as the API sends it, and anything thrown turned into one.
import type { Schemas } from './api/client';

/** The API's own, or one made here: then only type and title are sure. */
export type Problem = Partial<Schemas['Problem']> & { type: string; title: string; instance?: string };

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
