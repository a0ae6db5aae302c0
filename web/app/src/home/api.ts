// The house's API, typed by its description (schema.ts, from `make generate`).
import { send, type Answer, type Input } from '$lib/api/client';
import type { components, paths } from './schema';

/** What is sent and answered, by the names of home/web/openapi.json. */
export type Schemas = components['schemas'];
export type Camera = Schemas['CameraView'];
export type Device = Schemas['DeviceView'];
export type House = Schemas['House'];
export type Line = Schemas['Line'];
export type Moment = Schemas['MomentView'];

type With<M extends 'get' | 'post'> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths];
type Rest<O> = Record<never, never> extends Input<O> ? [input?: Input<O>] : [input: Input<O>];

/** Reads. Throws a Problem, or the TypeError of a fetch that did not get through. */
export const get = async <P extends With<'get'>>(path: P, ...[input]: Rest<paths[P]['get']>): Promise<Answer<paths[P]['get']>> =>
  (await send<Answer<paths[P]['get']>>('get', path, input)).data;

/** Does something. Throws as get. */
export const post = async <P extends With<'post'>>(path: P, ...[input]: Rest<paths[P]['post']>): Promise<Answer<paths[P]['post']>> =>
  (await send<Answer<paths[P]['post']>>('post', path, input)).data;

/** Where a picture of the footage is. */
export const stillOf = (camera: string, at: string | number | Date, width: number): string =>
  `/api/v1/cameras/${camera}/still?width=${width}&at=${encodeURIComponent(new Date(at).toISOString())}`;
