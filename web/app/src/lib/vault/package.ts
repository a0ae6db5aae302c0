// A court package with the decrypted clip, made here because only this browser
// can decrypt: the exchange gives the small files, this adds the clip and the
// bag's lists (BagIt 1.0, RFC 8493; the same as evidence/bag.go writes).

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { makeZip } from 'client-zip';
import { Hashing } from './clip';

export interface Part {
  path: string;
  data: Uint8Array;
}

export interface PackageInput {
  /** The folder the bag lies in. */
  dir: string;
  /** bag-info.txt without Payload-Oxum. */
  info: { label: string; value: string }[];
  parts: Part[];
  /** The decrypted clip; its name's ending tells players what it is. */
  clip: { name: string; stream: ReadableStream<Uint8Array> };
  /** Opens the commitment that the owner's device made to the clip. */
  opening: { plaintext_sha256: string; plaintext_salt: string };
  made: Date;
}

const utf8 = new TextEncoder();

/** The clip is not the file that its owner sealed. */
export class WrongClip extends Error {}

/**
 * A zip of the package, as it is written. The stream fails with WrongClip when
 * the clip's hash is not that of the owner's letter.
 */
export function plaintextPackage(input: PackageInput): ReadableStream<Uint8Array> {
  return makeZip(files(input));
}

async function* files(input: PackageInput) {
  const payload = new Map<string, string>();
  const tags = new Map<string, string>();
  let octets = 0;
  const file = (path: string, data: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>) => ({
    name: `${input.dir}/${path}`,
    lastModified: input.made,
    input: data,
  });
  const add = (path: string, data: Uint8Array) => {
    const sum = bytesToHex(sha256(data));
    if (path.startsWith('data/')) {
      payload.set(path, sum);
      octets += data.length;
    } else {
      tags.set(path, sum);
    }
    return file(path, new Uint8Array(data));
  };

  for (const part of input.parts) yield add(part.path, part.data);
  yield add('data/letter.json', utf8.encode(JSON.stringify(input.opening, null, 1) + '\n'));

  const clip = `data/clip.${extension(input.clip.name)}`;
  const hashing = new Hashing();
  yield file(clip, input.clip.stream.pipeThrough(hashing));
  const sum = hashing.digest();
  if (sum !== input.opening.plaintext_sha256) throw new WrongClip('the clip is not the file its owner sealed');
  payload.set(clip, sum);
  octets += hashing.count();

  const info = input.info.map(({ label, value }) => `${label}: ${value.trim().split(/\s+/).join(' ')}\n`);
  yield add('bagit.txt', utf8.encode('BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n'));
  yield add('bag-info.txt', utf8.encode(info.join('') + `Payload-Oxum: ${octets}.${payload.size}\n`));
  yield add('manifest-sha256.txt', manifest(payload));
  yield file('tagmanifest-sha256.txt', manifest(tags));
}

/** What `sha256sum -c` reads, sorted by path. */
function manifest(sums: Map<string, string>): Uint8Array<ArrayBuffer> {
  const lines = [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, sum]) => `${sum}  ${path}\n`);
  return utf8.encode(lines.join(''));
}

/** A clip's plain ending; "age" would say it is still encrypted. */
function extension(name: string): string {
  const ending = name.toLowerCase().match(/\.([a-z0-9]{2,5})$/)?.[1] ?? 'bin';
  return ending === 'age' ? 'bin' : ending;
}
