import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** LiteRT's loader is a plain script; workers here are modules. */
const litert: Plugin = {
  name: 'litert-loader',
  transform: (code, id) => (/litert_wasm_\w+\.js$/.test(id) ? `${code}\nexport default ModuleFactory;` : null),
};

export default defineConfig({
  plugins: [svelte(), litert],
  assetsInclude: ['**/*.tflite'],
  resolve: {
    alias: { $lib: here('src/lib') },
    conditions: process.env.VITEST ? ['browser'] : undefined,
  },
  worker: { format: 'es', plugins: () => [litert] },
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0, // data: URLs would need holes in the content policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rollupOptions: { input: here('index.html') },
  },
  test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], testTimeout: 60_000 }, // the machine may do much else
});
