// Audits search logs on the visitor's device; see worker.ts.

/** A state whose law can be asked. */
export interface Law {
  state: string;
  name: string;
}

export interface AuditJob {
  /** Name is the path as a person would cite it. */
  files: { name: string; file: File }[];
  options: { state: string; zone: string; redact: boolean };
}

/** The report as a page, as a summary, and as data (docs/audit-json.md). */
export interface AuditReport {
  html: string;
  markdown: string;
  json: string;
}

export type AuditNews =
  | { kind: 'ready'; laws: Law[] }
  | { kind: 'progress'; done: number; total: number }
  | { kind: 'done'; report: AuditReport }
  | { kind: 'failed'; message: string };

/** An engine is loaded once and audits one job after the other; stop() ends it at once. */
export class Engine {
  #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  #laws = Promise.withResolvers<Law[]>();
  #job: { resolve(r: AuditReport): void; reject(e: Error): void; onProgress(done: number, total: number): void } | undefined;

  constructor() {
    this.#laws.promise.catch(() => undefined); // told to whoever asks
    this.#worker.onerror = (event) => this.#fail(new Error(event.message || 'the audit engine did not start'));
    this.#worker.onmessage = ({ data }: MessageEvent<AuditNews>) => {
      if (data.kind === 'ready') this.#laws.resolve(data.laws);
      else if (data.kind === 'progress') this.#job?.onProgress(data.done, data.total);
      else if (data.kind === 'done') this.#job?.resolve(data.report);
      else this.#fail(new Error(data.message));
    };
  }

  #fail(e: Error) {
    this.#laws.reject(e);
    this.#job?.reject(e);
  }

  /** The states whose law it knows; rejects when the engine cannot be loaded. */
  get laws(): Promise<Law[]> {
    return this.#laws.promise;
  }

  /** Audits the files; bytes read are told to onProgress. One job at a time. */
  audit(job: AuditJob, onProgress: (done: number, total: number) => void): Promise<AuditReport> {
    return new Promise<AuditReport>((resolve, reject) => {
      this.#job = { resolve, reject, onProgress };
      this.#worker.postMessage(job);
    }).finally(() => (this.#job = undefined));
  }

  stop() {
    this.#worker.terminate();
    this.#fail(new DOMException('stopped', 'AbortError'));
  }
}

/** The files of a drop, folders walked all the way down, in order of name. */
export async function dropped(items: DataTransferItemList): Promise<{ name: string; file: File }[]> {
  const entries = [...items].map((i) => i.webkitGetAsEntry()).filter((e) => e !== null); // before the first await: the list empties
  const found: { name: string; file: File }[] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      found.push({ name: entry.fullPath.replace(/^\//, ''), file });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const e of some) await walk(e);
    }
  };
  for (const e of entries) await walk(e);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
