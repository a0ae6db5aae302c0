// Who is signed in, as the shell shows it. The people pages set it.
export interface Me {
  name: string;
  /** requester, investigator, custodian, admin, moderator, auditor, operator */
  roles: string[];
  /** ORI and name; absent for people of the exchange itself. */
  agency?: { ori: string; name: string };
}

export const me = $state<{ current?: Me }>({});
