/**
 * The kernel's own files, under /proc. Deno keeps them behind `--allow-all`, which weir does not
 * ask for, so they go through the C library.
 *
 * @module
 */
import { checked, cString, errno, fixed, libc, SystemCallError } from "./libc.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CLOEXEC = 0o2000000;

/**
 * Opens a file of the kernel.
 *
 * @param path Absolute.
 * @param mode For reading or for writing.
 * @returns Its descriptor, not inherited by child processes.
 * @throws {SystemCallError} When it cannot be opened.
 */
export function openSystemFile(path: string, mode: "read" | "write"): number {
  const flags = (mode === "read" ? O_RDONLY : O_WRONLY) | O_CLOEXEC;
  return checked(`open ${path}`, libc().open(cString(path), flags));
}

/**
 * Reads a file of the kernel.
 *
 * @param path Absolute, for example `/proc/sys/net/ipv4/ip_forward`.
 * @returns Its text.
 * @throws {SystemCallError} When it cannot be opened or read.
 */
export function readSystemFile(path: string): string {
  const fd = openSystemFile(path, "read");
  try {
    const buffer = fixed(4096);
    let text = "";
    for (;;) {
      const size = checked(`read ${path}`, libc().read(fd, buffer, BigInt(buffer.length)));
      if (size === 0) return text;
      // The kernel's files are ASCII: no character is cut in two.
      text += new TextDecoder().decode(buffer.subarray(0, size));
    }
  } finally {
    libc().close(fd);
  }
}

/**
 * Writes a file of the kernel, such as a sysctl, in one piece.
 *
 * @param path Absolute, for example `/proc/sys/net/ipv4/ip_forward`.
 * @param text What to write, at most a page.
 * @throws {SystemCallError} When the kernel refuses it.
 */
export function writeSystemFile(path: string, text: string): void {
  const fd = openSystemFile(path, "write");
  try {
    const bytes = new TextEncoder().encode(text);
    const result = libc().write(fd, bytes, BigInt(bytes.length));
    if (result < 0) throw new SystemCallError(`write ${path}`, errno());
  } finally {
    libc().close(fd);
  }
}
