import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

// The service worker: one plain script that keeps its name and its place at the
// root, added to what vite.config.ts built. (Not every browser we serve takes
// a service worker that is a module.)
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: { alias: { $lib: here('src/lib') } },
  publicDir: false,
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    emptyOutDir: false,
    lib: { entry: here('src/sw/index.ts'), formats: ['iife'], name: 'sw', fileName: () => 'sw.js' },
  },
});
