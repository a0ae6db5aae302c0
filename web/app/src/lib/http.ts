// The API over fetch: answers as their JSON, errors as thrown problems (RFC 9457).
import type { Problem } from './problem';

export const api = (path: string) => '/api/v1' + path;

/** Reads. Throws a Problem. */
export const get = <T>(path: string): Promise<T> => call<T>('GET', path).then((a) => a.data);

/** Sends what is not an act. Throws a Problem. */
export const post = <T>(path: string, body?: unknown): Promise<T> => call<T>('POST', path, body).then((a) => a.data);

/** One request. Throws a Problem. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ data: T; headers: Headers }> {
  const answer = await fetch(api(path), {
    method,
    credentials: 'same-origin',
    headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json = text && /json/.test(answer.headers.get('Content-Type') ?? '') ? JSON.parse(text) : undefined;
  if (!answer.ok) {
    throw (json ?? { type: 'about:blank', title: `${answer.status} ${answer.statusText}`, status: answer.status }) as Problem;
  }
  return { data: json as T, headers: answer.headers };
}
