// Light or dark: the device's choice unless one is kept here.
import { keepOnDevice } from './i18n/index.svelte';

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const root = document.documentElement;
const device = matchMedia('(prefers-color-scheme: dark)');
const kept = root.dataset.theme;
const state = $state({ choice: (kept === 'light' || kept === 'dark' ? kept : 'auto') as Theme, device: device.matches });
device.addEventListener('change', () => (state.device = device.matches));

export const theme = (): Theme => state.choice;
export const isDark = (): boolean => (state.choice === 'auto' ? state.device : state.choice === 'dark');

export function setTheme(to: Theme): void {
  state.choice = to;
  keepOnDevice('theme', to);
  if (to === 'auto') delete root.dataset.theme;
  else root.dataset.theme = to;
}
