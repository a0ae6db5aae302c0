// Sending a sealed clip with tus 1.0, resumably.

import * as tus from 'tus-js-client';

export interface UploadOptions {
  /** The collection, e.g. "/api/v1/uploads". */
  endpoint: string;
  /** Opens the submission the upload belongs to. */
  token: string;
  /** Where an earlier try got to, to go on from there. */
  url?: string | null;
  /** Called once with the address to keep for a later try. */
  onUrl?: (url: string) => void;
  onProgress?: (done: number, total: number) => void;
  /** Bytes sent at a time; proxies often allow 100 MB at most. */
  chunkSize?: number;
  /** Pauses of ms before the next tries after a failure. */
  retryDelays?: number[];
}

/** The server said no for good, with an RFC 9457 problem. */
export class UploadRefused extends Error {
  override name = 'UploadRefused';
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

const seconds = [0.5, 1, 2, 4, 8, 15, 30, 30, 30];

/** One clip on its way. Start it with run; pause and run again at will. */
export class Upload {
  private readonly tus: tus.Upload;
  private settle?: { resolve: (id: string) => void; reject: (error: unknown) => void };
  /** Bytes the server confirmed. */
  done = 0;

  constructor(
    readonly file: Blob,
    { endpoint, token, url, onUrl, onProgress, chunkSize = 8 << 20, retryDelays = seconds.map((s) => s * 1000) }: UploadOptions,
  ) {
    this.tus = new tus.Upload(file as File, {
      endpoint,
      uploadUrl: url ?? null,
      headers: { 'Upload-Token': token },
      chunkSize,
      retryDelays,
      storeFingerprintForResuming: false, // the outbox keeps the address
      removeFingerprintOnSuccess: true,
      onUploadUrlAvailable: () => this.tus.url && onUrl?.(this.tus.url),
      onProgress: (sent, total) => onProgress?.(sent, total),
      onChunkComplete: (_size, accepted) => (this.done = accepted),
      // Besides network trouble, only "try again" answers are worth a retry.
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        return status === 0 || [409, 423, 429, 500, 502, 503, 504].includes(status);
      },
      onError: (error) => this.settle?.reject(refusal(error)),
      onSuccess: () => this.settle?.resolve(this.id),
    });
  }

  /** The upload's id on the server, once it has one. */
  get id(): string {
    return this.tus.url?.split('/').pop() ?? '';
  }

  /** Sends until everything is there and resolves to the upload's id. */
  run(signal?: AbortSignal): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      this.settle = { resolve, reject };
      signal?.addEventListener(
        'abort',
        () => {
          void this.tus.abort();
          reject(signal.reason as Error);
        },
        { once: true },
      );
      this.tus.start();
    });
  }

  /** Stops and has the server forget what came. */
  async cancel(): Promise<void> {
    await this.tus.abort(true);
  }
}

function refusal(error: Error | tus.DetailedError): Error {
  const res = 'originalResponse' in error ? error.originalResponse : null;
  if (!res) return error;
  let detail = '';
  try {
    detail = (JSON.parse(res.getBody()) as { detail?: string }).detail ?? '';
  } catch {
    // not a problem document: a proxy's page
  }
  return new UploadRefused(res.getStatus(), detail || `the server answered ${res.getStatus()}`);
}
