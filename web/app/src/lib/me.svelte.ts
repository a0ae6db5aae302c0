// Who is signed in. Signing in, enrolling and signing out set it.
import { get, post, type Schemas } from './api/client';

export interface Me {
  id: string;
  name: string;
  /** requester, investigator, custodian, admin, moderator, auditor, operator */
  roles: string[];
  /** Absent for people of the exchange itself. */
  agency?: Schemas['MyAgency'];
  /** Credential id of the passkey signed in with, base64url. */
  device: string;
}

export const me = $state<{ current?: Me }>({});

/** Takes over what the API says of who is signed in; without a person nobody is. */
export function setMe({ person, agency, device = '' }: Schemas['Me']): void {
  me.current = person && { id: person.id, name: person.name, roles: person.roles, agency, device };
}

/** Asks the exchange who is signed in. Throws a Problem. */
export async function loadMe(): Promise<void> {
  setMe(await get('/api/v1/me'));
}

export async function signOut(): Promise<void> {
  await post('/api/v1/signout');
  setMe({});
}

/** Whether who is signed in holds one of these roles. */
export const holds = (...roles: string[]): boolean => roles.some((r) => me.current?.roles.includes(r));
