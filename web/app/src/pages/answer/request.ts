// The request a resident answers, and the key of the agency that asks.
import { call, type AgencyView, type RequestView } from './api';

export interface Asked {
  request: RequestView;
  agency: AgencyView;
  closed: boolean;
  /** The agency's key was checked against the ledger on this device. */
  keyChecked: boolean;
}

/** Loads both. Rejects with a Problem. */
export async function openRequest(id: string): Promise<Asked> {
  const request = await call<RequestView & { state?: string }>('GET', `/requests/${encodeURIComponent(id)}`);
  const agency = await call<AgencyView>('GET', `/agencies/${encodeURIComponent(request.agency)}`);
  const closed = (request.state !== undefined && request.state !== 'open') || new Date(request.expires).getTime() <= Date.now();
  return { request, agency, closed, keyChecked: false };
}
