// The app of porchlight home: an entry of its own, with its own words, into dist-home.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What the house uses of the exchange's words: those of the shared components. */
const shared = /^(answer|lang|map|shell|theme|ui|unproved)\./;

/** The house's catalogue of a language, with the shared words. */
const words: Plugin = {
  name: 'home-words',
  enforce: 'pre',
  load(id) {
    const lang = id.match(/\/web\/messages\/(\w+)\.json$/)?.[1];
    if (!lang) return null;
    const read = (path: string) => JSON.parse(readFileSync(here(path), 'utf8')) as Record<string, string>;
    const base = Object.entries(read(`../messages/${lang}.json`)).filter(([key]) => shared.test(key));
    this.addWatchFile(here(`../messages/home/${lang}.json`));
    return JSON.stringify({ ...Object.fromEntries(base), ...read(`../messages/home/${lang}.json`) });
  },
};

/** Icons and the theme's script are the exchange's; the manifest is the house's own. */
const manifest: Plugin = {
  name: 'home-manifest',
  writeBundle() {
    const theirs = JSON.parse(readFileSync(here('public/manifest.webmanifest'), 'utf8')) as object;
    const ours = { ...theirs, name: 'Porchlight at home', description: 'What your own cameras saw, and who asks for it.', id: '/', start_url: '/' };
    writeFileSync(here('dist-home/manifest.webmanifest'), `${JSON.stringify(ours, null, 2)}\n`);
    writeFileSync(here('dist-home/.gitkeep'), '');
  },
};

export default defineConfig({
  plugins: [words, svelte(), manifest],
  resolve: { alias: { $lib: here('src/lib') } },
  worker: { format: 'es' },
  build: {
    outDir: 'dist-home',
    target: ['chrome123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0, // data: URLs would need holes in the content policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      input: { home: here('home.html'), sw: here('src/home/sw.ts') },
      // A service worker keeps its name and its place at the root; ours imports nothing, so it is a plain script.
      output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
});
