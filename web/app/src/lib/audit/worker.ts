// The engine of `porchlight audit`, compiled to WebAssembly, in a worker of its
// own: it reads the visitor's files part by part and sends nothing anywhere.

import '../../../wasm/wasm_exec.js';
import engine from '../../../wasm/audit.wasm?url';
import type { AuditJob, AuditNews, Law } from './audit';

/** What wasm_exec.js and internal/auditwasm put into the worker. */
declare const Go: new () => { importObject: WebAssembly.Imports; run(instance: WebAssembly.Instance): Promise<void> };
declare function porchlightLaws(): Law[];
declare function porchlightAudit(
  files: { name: string; size: number; read(offset: number, length: number): Uint8Array }[],
  options: AuditJob['options'],
  progress: (done: number, total: number) => void,
): Promise<{ html: string; markdown: string; json: string }>;

const post = (news: AuditNews) => postMessage(news);

async function start() {
  const go = new Go();
  const { instance } = await WebAssembly.instantiateStreaming(fetch(engine, { credentials: 'omit' }), go.importObject);
  void go.run(instance).catch((e: unknown) => post({ kind: 'failed', message: String(e) }));
  post({ kind: 'ready', laws: porchlightLaws() });
}

const ready = start();
ready.catch((e: unknown) => post({ kind: 'failed', message: e instanceof Error ? e.message : String(e) }));

onmessage = async ({ data: { files, options } }: MessageEvent<AuditJob>) => {
  const reader = new FileReaderSync();
  try {
    await ready;
    let last = 0;
    const report = await porchlightAudit(
      files.map(({ name, file }) => ({
        name,
        size: file.size,
        read: (offset, length) => new Uint8Array(reader.readAsArrayBuffer(file.slice(offset, offset + length))),
      })),
      options,
      (done, total) => {
        const now = performance.now();
        if (now - last < 100 && done < total) return;
        last = now;
        post({ kind: 'progress', done, total });
      },
    );
    post({ kind: 'done', report });
  } catch (e) {
    post({ kind: 'failed', message: e instanceof Error ? e.message : String(e) });
  }
};
