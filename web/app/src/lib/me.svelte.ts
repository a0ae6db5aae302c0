// Who is signed in. Signing in, enrolling and signing out set it.
import { get, post } from './http';

export interface Me {
  id: string;
  name: string;
  /** requester, investigator, custodian, admin, moderator, auditor, operator */
  roles: string[];
  /** Absent for people of the exchange itself. */
  agency?: {
    ori: string;
    name: string;
    kind: string;
    status: 'invited' | 'active' | 'suspended';
    /** Age recipient of its vault, once published. */
    vault?: string;
  };
  /** Credential id of the passkey signed in with, base64url. */
  device: string;
}

/** Me as the API says it; without a person nobody is signed in. */
export interface MeAnswer {
  person?: { id: string; name: string; roles: string[] };
  agency?: Me['agency'];
  device?: string;
}

export const me = $state<{ current?: Me }>({});

/** Takes over what the API says of who is signed in. */
export function setMe({ person, agency, device = '' }: MeAnswer): void {
  me.current = person && { id: person.id, name: person.name, roles: person.roles, agency, device };
}

/** Asks the exchange who is signed in. Throws a Problem. */
export async function loadMe(): Promise<void> {
  setMe(await get<MeAnswer>('/me'));
}

export async function signOut(): Promise<void> {
  await post('/signout');
  setMe({});
}

/** Whether who is signed in holds one of these roles. */
export const holds = (...roles: string[]): boolean => roles.some((r) => me.current?.roles.includes(r));
