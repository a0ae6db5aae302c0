// What the people API answers (web/api_people.go).
import type { Polygon } from '$lib/map/shapes';

export interface Person {
  id: string;
  name: string;
  agency?: string;
  roles: string[];
  state: 'invited' | 'enrolled' | 'removed';
}

export interface Device {
  id: string;
  label: string;
  state: 'active' | 'disabled';
  added: string;
  used?: string;
  recipient?: string;
  entry: number;
  has_vault: boolean;
}

export interface Member extends Person {
  since: string;
  devices: Device[];
}

export interface Agency {
  ori: string;
  name: string;
  kind: string;
  state: string;
  contact: string;
  status: 'invited' | 'active' | 'suspended';
  reason?: string;
  since: string;
  jurisdiction: Polygon;
  vault?: { recipient: string; entry: number; since: string };
}

export interface PrivateEntry {
  index: number;
  at: string;
  action: string;
  actor: string;
  agency?: string;
  outcome: 'done' | 'denied' | 'void';
  public?: Record<string, string>;
  private: Record<string, string>;
  receipt: string;
}
