/**
 * The C library: the one place that calls into it. Every other file of this room that needs the
 * kernel goes through the few calls listed here.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { errnoName } from "./errno.ts";

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  geteuid: { parameters: [], result: "u32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  setsockoptBeside: {
    name: "setsockopt",
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
    nonblocking: true,
  },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recvBeside: {
    name: "recv",
    parameters: ["i32", "buffer", "usize", "i32"],
    result: "isize",
    nonblocking: true,
  },
  recvfrom: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
    result: "isize",
  },
  writev: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  writevBeside: {
    name: "writev",
    parameters: ["i32", "buffer", "i32"],
    result: "isize",
    nonblocking: true,
  },
  pollBeside: {
    name: "poll",
    parameters: ["buffer", "u64", "i32"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  /** With O_CREAT a third argument is read: who may use the file. */
  openCreating: { name: "open", parameters: ["buffer", "i32", "u32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  getuid: { parameters: [], result: "u32" },
  getpwuid: { parameters: ["u32"], result: "pointer" },
  symlink: { parameters: ["buffer", "buffer"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  /** Variadic in C; on Linux it takes its arguments as any other. */
  syscall: { parameters: ["i64", "i32", "buffer", "usize"], result: "i64" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  landlockCreateRuleset: {
    name: "syscall",
    parameters: ["i64", "buffer", "usize", "u32"],
    result: "i64",
  },
  landlockAddRule: {
    name: "syscall",
    parameters: ["i64", "i32", "i32", "buffer", "u32"],
    result: "i64",
  },
  landlockRestrictSelf: { name: "syscall", parameters: ["i64", "i32", "u32"], result: "i64" },
  /** glibc has it, musl has not. */
  malloc_trim: { parameters: ["usize"], result: "i32", optional: true },
} as const;

/** glibc first, then the names under which musl is installed (Alpine). */
const LIBRARIES = ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`] as const;

/** The calls of the C library, as declared in this file. */
export type LibcCalls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * A call into the kernel that failed.
 */
export class SystemCallError extends Error {
  /** What a stack trace begins with. */
  override readonly name = "SystemCallError";
  /** Positive errno of Linux, for example 1. */
  readonly errno: number;

  /**
   * Makes an error to throw.
   *
   * @param call The function's name, for example `socket`.
   * @param errno Positive errno of Linux, for example 1.
   */
  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`);
    this.errno = errno;
  }
}

let opened: { readonly calls: LibcCalls; readonly errno: Deno.UnsafePointerView } | undefined;

function load(): NonNullable<typeof opened> {
  if (opened !== undefined) return opened;
  const faults: unknown[] = [];
  for (const path of LIBRARIES) {
    try {
      const calls = Deno.dlopen(path, SYMBOLS).symbols;
      const location = calls.__errno_location();
      if (location === null) throw new TypeError("__errno_location returned null");
      return opened = { calls, errno: new Deno.UnsafePointerView(location) };
    } catch (fault) {
      if (fault instanceof Deno.errors.NotCapable) throw fault;
      faults.push(fault);
    }
  }
  throw new WeirError(
    "WEIR_NETLINK",
    `Cannot load C library "${LIBRARIES.join('" or "')}": neither can be opened`,
    { cause: new AggregateError(faults) },
  );
}

/**
 * The C library, loaded when it is first asked for, so that importing this file needs no
 * permission.
 *
 * @returns Its calls. Those named `…Beside` run on another thread and leave errno there, where
 * nobody can read it.
 * @throws {WeirError} WEIR_NETLINK when neither glibc nor musl is there.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 */
export function libc(): LibcCalls {
  return load().calls;
}

/**
 * The errno of the last failed call of this thread. To be read directly after the call, before
 * anything is awaited.
 *
 * @returns A positive errno of Linux.
 */
export function errno(): number {
  return load().errno.getInt32();
}

/**
 * Turns the C convention into an exception.
 *
 * @param call The function's name, for the message.
 * @param result What it returned.
 * @returns The same result when it is not negative.
 * @throws {SystemCallError} When it is.
 */
export function checked(call: string, result: number | bigint): number {
  if (result < 0) throw new SystemCallError(call, errno());
  return Number(result);
}

/**
 * Memory that the kernel may write to, or read while JavaScript runs on: V8 keeps short typed
 * arrays on its moving heap unless they are views of an ArrayBuffer.
 *
 * @param size Bytes.
 * @returns Zeroed bytes that do not move.
 */
export function fixed(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size));
}

/**
 * Text as C expects it.
 *
 * @param text Without a NUL.
 * @returns Its UTF-8 bytes and the terminating NUL.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const out = fixed(bytes.length + 1);
  out.set(bytes);
  return out;
}

/**
 * Describes pieces of memory as one, for `writev`.
 *
 * @param parts The pieces, in order; they must outlive the call.
 * @returns An array of `struct iovec` for a 64-bit machine.
 */
export function ioVector(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const out = fixed(parts.length * 16);
  const view = new DataView(out.buffer);
  for (const [index, part] of parts.entries()) {
    view.setBigUint64(index * 16, Deno.UnsafePointer.value(Deno.UnsafePointer.of(part)), true);
    view.setBigUint64(index * 16 + 8, BigInt(part.length), true);
  }
  return out;
}
