// A real exchange and a real witness, as processes in a directory of their own.
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
export const build = join(root, 'build');
const binary = process.env.PORCHLIGHT ?? join(root, 'bin/porchlight');
if (!existsSync(binary)) {
  console.error(`${binary} is missing. Run "make build" first: the story plays with the finished program.`);
  process.exit(2);
}

/** Runs porchlight to its end: its output and exit status. */
export function porchlight(...args) {
  try {
    return { status: 0, out: execFileSync(binary, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 }) };
  } catch (e) {
    return { status: e.status, out: `${e.stdout}${e.stderr}` };
  }
}

/** The drawn town: its map, its county and its clips. Made once and kept under build/. */
export function town() {
  const dir = join(build, 'story-town');
  if (!existsSync(join(dir, 'town.json'))) {
    console.log('Drawing the town and its clips, once');
    rmSync(dir, { recursive: true, force: true });
    const { status, out } = porchlight('demo', '--once', '--dir', dir);
    if (status !== 0) throw new Error(`porchlight demo: ${out}`);
    writeFileSync(join(dir, 'town.json'), '{}');
  }
  const clips = JSON.parse(readFileSync(join(dir, 'clips/clips.json'), 'utf8'));
  const feature = JSON.parse(readFileSync(join(dir, 'basemap/boundary.geojson'), 'utf8')).features[0];
  return {
    basemap: join(dir, 'basemap'),
    county: join(dir, 'exchange/jurisdiction.geojson'),
    city: feature.geometry,
    clip: (name) => clips.find((c) => c.Name === name).Path,
  };
}

async function answers(url, child, ok = (res) => res.ok) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${url}: the program ended with ${child.exitCode}`);
    const res = await fetch(url).catch(() => undefined);
    if (res && ok(res)) return;
    await wait(50);
  }
}

/** Creates an exchange with one witness that must cosign, and starts both. */
export async function openExchange(dir, port, { basemap, county }) {
  mkdirSync(dir, { recursive: true });
  const site = `http://localhost:${port}`;
  const data = join(dir, 'exchange');
  const made = porchlight('init', '--json', '--dir', data, '--name', 'Prairie County Exchange', '--origin', 'exchange.prairie.example',
    '--base-url', site, '--listen', `localhost:${port}`, '--state', 'IL', '--jurisdiction', county);
  if (made.status !== 0) throw new Error(`porchlight init: ${made.out}`);
  const { log_key: logKey, operator_link: operatorLink } = JSON.parse(made.out);

  const children = new Set();
  const start = (...args) => {
    const log = openSync(join(dir, `${args[0]}.log`), 'a');
    const child = spawn(binary, args, { stdio: ['ignore', log, log] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const witnessDir = join(dir, 'witness');
  const witness = start('witness', '--dir', witnessDir, '--name', 'gazette.example/witness', '--log', logKey, '--listen', `localhost:${port + 1}`);
  await answers(`http://localhost:${port + 1}/`, witness, () => true);
  const witnessKey = porchlight('witness', '--dir', witnessDir, '--key').out.trim();
  appendFileSync(join(data, 'porchlight.yaml'),
    `time_zone: America/Chicago\nbasemap: ${basemap}\nquorum: 1\nwitnesses:\n  - url: http://localhost:${port + 1}\n    vkey: ${witnessKey}\n`);

  let server;
  const exchange = {
    site, data, logKey, witnessKey, operatorLink, log: join(dir, 'serve.log'),
    async serve() {
      server = start('serve', '--dir', data);
      await answers(`${site}/readyz`, server);
    },
    /** As a power cut would. */
    async kill() {
      server.kill('SIGKILL');
      await new Promise((done) => server.once('exit', done));
    },
    close() {
      for (const child of children) child.kill('SIGKILL');
    },
    /** What porchlight verify says to somebody who has the keys from elsewhere. */
    verify: (target, ...more) => porchlight('verify', target, '--key', logKey, '--witness', witnessKey, '--quorum', '1', ...more),
  };
  try {
    await exchange.serve();
  } catch (e) {
    exchange.close();
    throw new Error(`${e.message}\n${readFileSync(exchange.log, 'utf8')}`);
  }
  return exchange;
}
