/**
 * The C library's allocator. What Deno itself allocates (source texts, the compiler's zones,
 * sockets) lies in its heaps, not in V8's, and glibc gives back only what is free at the end of
 * the first one: after a start 10 MB stay resident that nobody uses.
 *
 * @module
 */
import { libc } from "./libc.ts";

/**
 * Gives back the pages that the allocator holds and nobody uses, in all its heaps, as glibc does
 * since 2.8 (malloc_trim(3)). Takes a few milliseconds.
 *
 * @returns Whether the C library has such a call: musl has none, and keeps less.
 * @throws {WeirError} WEIR_NETLINK when neither glibc nor musl is there.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 */
export function trimAllocator(): boolean {
  const { malloc_trim } = libc();
  if (malloc_trim === null) return false;
  malloc_trim(0n);
  return true;
}
