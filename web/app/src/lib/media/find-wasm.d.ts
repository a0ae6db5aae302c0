// LiteRT's loader script, given a default export by vite.config.ts.
declare module '@litertjs/core/wasm/litert_wasm_compat_internal.js' {
  export default function litert(options: { locateFile: (name: string) => string; printErr: (line: string) => void }): Promise<unknown>;
}
