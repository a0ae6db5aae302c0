// tus-js-client against a tus server, driven by share/tusjs_test.go:
//   node test/tus.mjs ENDPOINT TOKEN FILE MODE
// MODE: whole | resume (stops midway, then goes on from the kept address) |
// through (keeps trying while the server is restarted) | remove (stops midway and terminates).
// Prints the upload's address.
import { readFileSync } from 'node:fs';
import * as tus from 'tus-js-client';

const [endpoint, token, path, mode] = process.argv.slice(2);
const file = readFileSync(path);
const base = { endpoint, headers: { 'Upload-Token': token }, chunkSize: 256 << 10, metadata: { note: 'ünïcode, and commas' }, storeFingerprintForResuming: false };

function run(options, stopAt = Infinity, terminate = false) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      ...base,
      ...options,
      onError: reject,
      onSuccess: () => resolve(upload.url),
      onChunkComplete: (_size, accepted) => {
        if (mode === 'through') process.stdout.write(`at ${accepted}\n`);
        if (accepted < stopAt) return;
        stopAt = Infinity;
        upload.abort(terminate).then(() => resolve(upload.url), reject);
      },
    });
    upload.start();
  });
}

try {
  let url;
  if (mode === 'resume') {
    url = await run({ retryDelays: null }, 512 << 10);
    url = await run({ retryDelays: null, uploadUrl: url });
  } else if (mode === 'remove') {
    url = await run({ retryDelays: null }, 512 << 10, true);
  } else {
    url = await run({ retryDelays: mode === 'through' ? Array(100).fill(100) : null });
  }
  console.log(url);
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
