// Files this device keeps for itself while an answer is on its way: the origin
// private file system (https://fs.spec.whatwg.org), which no other site reads.

const FOLDER = 'answer';

async function folder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(FOLDER, { create: true });
}

/** An empty file of that name, for a worker to write. Only workers can. */
export async function createFile(name: string): Promise<FileSystemSyncAccessHandle> {
  const handle = await (await folder()).getFileHandle(name, { create: true });
  const access = await handle.createSyncAccessHandle();
  access.truncate(0);
  return access;
}

/** The file, or undefined when there is none. */
export async function openFile(name: string): Promise<File | undefined> {
  try {
    return await (await (await folder()).getFileHandle(name)).getFile();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return undefined;
    throw error;
  }
}

/** Removes files; those that are not there are no error. */
export async function removeFiles(...names: string[]): Promise<void> {
  const dir = await folder();
  for (const name of names) {
    await dir.removeEntry(name).catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
    });
  }
}

/** Names of all files, for clearing what no answer needs any more. */
export async function listFiles(): Promise<string[]> {
  const names: string[] = [];
  for await (const name of (await folder()).keys()) names.push(name);
  return names;
}

/** Whether this browser can keep bytes more. */
export async function hasRoom(bytes: number): Promise<boolean> {
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
  return quota - usage > bytes * 1.02 + (4 << 20);
}

/** Writes a stream to a file and closes it. Worker only. Returns its size. */
export async function writeFile(name: string, stream: ReadableStream<Uint8Array>, onBytes?: (done: number) => void): Promise<number> {
  const access = await createFile(name);
  const reader = stream.getReader();
  let at = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      at += access.write(value, { at });
      onBytes?.(at);
    }
    access.flush();
    return at;
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  } finally {
    access.close();
  }
}
