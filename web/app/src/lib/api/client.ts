// The exchange's API, typed by its description (schema.ts, from `make generate`).
// Acts are sent with lib/act.
import createClient from 'openapi-fetch';
import type { Problem } from '../problem';
import type { components, paths } from './schema';

/** What is sent and answered, by the names of web/openapi.json. */
export type Schemas = components['schemas'];

export type Agency = Schemas['AgencyView'];
export type Category = Schemas['CategoryView'];
export type Device = Schemas['DeviceView'];
export type Followed = Schemas['FollowedSubmission'];
export type FollowedClip = Schemas['FollowedClip'];
export type FollowedEvent = Schemas['FollowedEvent'];
export type Item = Schemas['ItemView'];
export type ItemDetail = Schemas['ItemDetail'];
export type ItemEvent = Schemas['EventView'];
export type Member = Schemas['MemberView'];
export type Opened = Schemas['OpenedItem'];
export type PrivateEntry = Schemas['PrivateEntry'];
export type RequestAct = Schemas['RequestActBody'];
export type RequestView = Schemas['RequestView'];
export type WrappedKey = Schemas['WrappedKeyView'];

type Method = 'get' | 'post';

/** The paths that take a method. */
type With<M extends Method> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths];

/** The paths whose POST is an act. */
export type ActPath = {
  [P in keyof paths]: paths[P] extends { post: { parameters: { header: { 'Porchlight-Act': string } } } } ? P : never;
}[keyof paths];

/** Those that lib/act sends; a resident's acts carry her capability and no signature. */
export type SignedPath = Exclude<ActPath, ResidentsPath>;
type ResidentsPath =
  | `/api/v1/clips/${string}`
  | `/api/v1/submissions${string}`
  | '/api/v1/register/cameras'
  | `/api/v1/register/camera/${string}`
  | '/api/v1/pets'
  | `/api/v1/pets/{post}/${'report' | 'sightings'}`
  | `/api/v1/lost/${string}`
  | `/api/v1/sightings/${string}`;

type Parameters<O, K extends string> = O extends { parameters: Record<K, infer V> }
  ? Record<K, V>
  : O extends { parameters: Partial<Record<K, infer V>> }
    ? Partial<Record<K, V>>
    : unknown;

/** What goes with an operation: the values of its path, query and header, and its body. */
export type Input<O> = Parameters<O, 'path'> & Parameters<O, 'query'> & Parameters<O, 'header'> & BodyOf<O>;
type BodyOf<O> = O extends { requestBody: { content: { 'application/json': infer B } } } ? { body: B } : { body?: undefined };

/** What an operation answers. */
export type Answer<O> = O extends { responses: { 200: { content: { 'application/json': infer T } } } } ? T : undefined;

type Rest<O> = Record<never, never> extends Input<O> ? [input?: Input<O>] : [input: Input<O>];

/** Reads. Throws a Problem, or the TypeError of a fetch that did not get through. */
export const get = async <P extends With<'get'>>(path: P, ...[input]: Rest<paths[P]['get']>): Promise<Answer<paths[P]['get']>> =>
  (await send<Answer<paths[P]['get']>>('get', path, input)).data;

/** Sends what is not a signed act. Throws as get. */
export const post = async <P extends Exclude<With<'post'>, SignedPath>>(path: P, ...[input]: Rest<paths[P]['post']>): Promise<Answer<paths[P]['post']>> =>
  (await send<Answer<paths[P]['post']>>('post', path, input)).data;

interface Sent {
  path?: unknown;
  query?: unknown;
  header?: unknown;
  body?: unknown;
}

const client = createClient<Record<string, never>>({ credentials: 'same-origin' });
const request = client.request as (method: Method, path: string, init: object) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

/** One request whose input somebody else has typed. Throws as get. */
export async function send<T>(method: Method, to: string, { path, query, header, body }: Sent = {}): Promise<{ data: T; headers: Headers }> {
  const { data, error, response } = await request(method, to, { params: { path, query, header }, body });
  if (response.ok) return { data: data as T, headers: response.headers };
  if (typeof error === 'object' && error !== null) throw error;
  throw { type: 'about:blank', title: `${response.status} ${response.statusText}`, status: response.status } satisfies Problem;
}
