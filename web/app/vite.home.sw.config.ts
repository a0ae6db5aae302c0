import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

// The house's service worker, beside what vite.home.config.ts built; see vite.sw.config.ts.
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  publicDir: false,
  build: {
    outDir: 'dist-home',
    target: ['chrome123', 'firefox128', 'safari17.5'],
    emptyOutDir: false,
    lib: { entry: here('src/home/sw.ts'), formats: ['iife'], name: 'sw', fileName: () => 'sw.js' },
  },
});
