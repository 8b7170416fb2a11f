/**
 * The guest's first file system: what it needs to reach the host's, and nothing more. Pure.
 *
 * @module
 */

/** One file or folder of an archive. */
export interface ArchiveEntry {
  /** Without a leading `/`; its folders come before it. */
  readonly path: string;
  /** What the file holds; undefined for a folder. */
  readonly content?: Uint8Array;
}

const FOLDER = 0o040755;
const PROGRAM = 0o100755;

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/**
 * Writes a cpio archive of the kind that the kernel unpacks at its start. Every file is executable.
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst, "newc".
 *
 * @param entries What it holds, folders before what is in them.
 * @returns The archive.
 */
export function writeArchive(entries: readonly ArchiveEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const add = (number: number, path: string, mode: number, content: Uint8Array) => {
    const name = new TextEncoder().encode(`${path}\0`);
    const numbers = [number, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const head = "070701" + numbers.map((field) => field.toString(16).padStart(8, "0")).join("");
    const start = new Uint8Array(padded(head.length + name.length));
    start.set(new TextEncoder().encode(head));
    start.set(name, head.length);
    const body = new Uint8Array(padded(content.length));
    body.set(content);
    parts.push(start, body);
  };
  for (const [index, { path, content }] of entries.entries()) {
    add(index + 1, path, content === undefined ? FOLDER : PROGRAM, content ?? new Uint8Array(0));
  }
  add(0, "TRAILER!!!", 0, new Uint8Array(0));
  const archive = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    archive.set(part, offset);
    offset += part.length;
  }
  return archive;
}

/**
 * Which files make up some modules of a kernel, in the order in which they can be loaded.
 *
 * @param names For example `virtiofs`; one that is built into the kernel needs no file.
 * @param index The text of modules.dep: a module's file, a colon, and the files that it needs,
 * what is needed last of all first (depmod(8)).
 * @param builtin The text of modules.builtin: the files of what needs none.
 * @returns Paths below the folder of those two files.
 * @throws {Error} When the kernel has no such module.
 */
export function moduleFiles(names: readonly string[], index: string, builtin: string): string[] {
  const nameOf = (path: string) =>
    path.replace(/^.*\//, "").replace(/\.ko.*$/, "").replaceAll("-", "_");
  const lines = index.split("\n").map((line) => line.split(/:? /).map((word) => word.trim()));
  const files = new Set<string>();
  for (const name of names) {
    const wanted = nameOf(name);
    if (builtin.split("\n").some((path) => nameOf(path) === wanted)) continue;
    const line = lines.find(([path = ""]) => nameOf(path.replace(/:$/, "")) === wanted);
    if (line === undefined) throw new Error(`Cannot load module "${name}": the kernel has none`);
    for (const path of line.reverse()) if (path !== "") files.add(path.replace(/:$/, ""));
  }
  return [...files];
}
