/**
 * Files that the operator names on the command line: a configuration to read, a path to write one
 * to. They may be anywhere, and a permission for everywhere would be far more than this takes, so
 * that what Deno was not allowed goes through the C library.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import { errnoOf } from "./errno.ts";
import { checked, cString, errno, fixed, libc } from "./libc.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_NONBLOCK = 0o4000;

const EAGAIN = errnoOf("EAGAIN");
const O_CLOEXEC = 0o2000000;

/** As Go's os.Create: all may read and write, less the umask. */
const MODE = 0o666;

/** Bytes that are read at once. */
const CHUNK = 65_536;

/** A ConfigMap holds one MiB; what is sixteen times as long is the wrong file, or has no end. */
const MOST_BYTES = 16 * 2 ** 20;

/** Milliseconds between looks at a pipe that is empty as yet. */
const PIPE_POLL = 10;
/** Milliseconds that a pipe may take in all. */
const PIPE_PATIENCE = 10_000;

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

/** Whether Deno's own way of reading comes to an end: a pipe without a writer has none. */
async function endsSurely(path: string): Promise<boolean> {
  const { isFile, isDirectory, size } = await Deno.stat(path);
  return isDirectory || isFile && size <= MOST_BYTES;
}

/**
 * Reads what may be a pipe. The call that opens one blocks this whole process until somebody
 * writes to it, and so does the call that reads it, unless neither is to wait (fifo(7)).
 */
async function readInPieces(path: string): Promise<string> {
  const flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  const fd = checked(`open ${path}`, libc().open(cString(path), flags));
  const chunks: Uint8Array[] = [];
  let length = 0;
  const lateAt = performance.now() + PIPE_PATIENCE;
  try {
    for (;;) {
      const buffer = fixed(CHUNK);
      const size = libc().read(fd, buffer, BigInt(CHUNK));
      if (size < 0n && errno() === EAGAIN) {
        if (performance.now() > lateAt) throw new Error("whoever writes it does not end");
        await new Promise((resume) => setTimeout(resume, PIPE_POLL));
        continue;
      }
      if (checked(`read ${path}`, size) === 0) break;
      length += Number(size);
      if (length > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`);
      chunks.push(buffer.slice(0, Number(size)));
    }
  } finally {
    libc().close(fd);
  }
  return await new Blob(chunks as BlobPart[]).text();
}

/**
 * Reads a text file, or a pipe to its end.
 *
 * @param path Absolute, or relative to the working directory.
 * @returns Its text.
 * @throws {Error} When it cannot be read, or is no UTF-8; when it is longer than 16 MiB, or a pipe
 * that does not end.
 */
export async function readOperatorFile(path: string): Promise<string> {
  try {
    if (await endsSurely(path)) return await Deno.readTextFile(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotCapable)) throw reason(thrown);
  }
  try {
    return await readInPieces(path);
  } catch (thrown) {
    throw reason(thrown);
  }
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
