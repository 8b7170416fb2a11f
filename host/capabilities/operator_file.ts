/**
 * Files that the operator names on the command line: a configuration to read, a path to write one
 * to. They may be anywhere, and a permission for everywhere would be far more than this takes, so
 * that what Deno was not allowed goes through the C library.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import { checked, cString, fixed, libc } from "./libc.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_CLOEXEC = 0o2000000;

/** As Go's os.Create: all may read and write, less the umask. */
const MODE = 0o666;

/** Bytes that are read at once. */
const CHUNK = 65_536;

/** What the operator can do something about, in words. */
const REASONS: readonly (readonly [string, new (message: string) => Error, string])[] = [
  ["ENOENT", Deno.errors.NotFound, "there is no such file or folder"],
  ["EACCES", Deno.errors.PermissionDenied, "this user may not open it"],
  ["EISDIR", Deno.errors.IsADirectory, "it is a folder"],
];

/** The reason in words, whether it comes from Deno or from the C library. */
function reason(thrown: unknown): Error {
  const message = messageOf(thrown);
  const [, , words] =
    REASONS.find(([name, kind]) => thrown instanceof kind || message.endsWith(`: ${name}`)) ?? [];
  return new Error(words ?? message, { cause: thrown });
}

/**
 * Reads a text file.
 *
 * @param path Absolute, or relative to the working directory.
 * @returns Its text.
 * @throws {Error} When it cannot be read, or is no UTF-8.
 */
export async function readOperatorFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotCapable)) throw reason(thrown);
  }
  const chunks: Uint8Array[] = [];
  try {
    const fd = checked(`open ${path}`, libc().open(cString(path), O_RDONLY | O_CLOEXEC));
    try {
      for (;;) {
        const buffer = fixed(CHUNK);
        const size = checked(`read ${path}`, libc().read(fd, buffer, BigInt(CHUNK)));
        if (size === 0) break;
        chunks.push(buffer.slice(0, size));
      }
    } finally {
      libc().close(fd);
    }
  } catch (thrown) {
    throw reason(thrown);
  }
  return await new Blob(chunks as BlobPart[]).text();
}

/**
 * Writes a text file in place of what it held.
 *
 * @param path Absolute, or relative to the working directory.
 * @param text What it is to hold.
 * @throws {Error} When it cannot be written.
 */
export async function writeOperatorFile(path: string, text: string): Promise<void> {
  try {
    return await Deno.writeTextFile(path, text);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotCapable)) throw reason(thrown);
  }
  try {
    const flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    const fd = checked(`open ${path}`, libc().openCreating(cString(path), flags, MODE));
    try {
      const bytes = new TextEncoder().encode(text);
      for (let written = 0; written < bytes.length;) {
        const rest = bytes.slice(written);
        written += checked(`write ${path}`, libc().write(fd, rest, BigInt(rest.length)));
      }
    } finally {
      libc().close(fd);
    }
  } catch (thrown) {
    throw reason(thrown);
  }
}
