/**
 * Becomes another program, for which this kernel has no IPv6: seccomp(2) answers for the kernel as
 * one does that was started with `ipv6.disable=1`.
 *
 *     deno run … without_ipv6_child.ts program argument…
 *
 * @module
 */
import assert from "node:assert/strict";
import { checked, cString, fixed } from "../../host/capabilities/libc.ts";

const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2n;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_RET_ERRNO = 0x00050000;
const EAFNOSUPPORT = 97;
const AF_INET6 = 10;
const SYS_SOCKET = { x86_64: 41, aarch64: 198 }[Deno.build.arch];

const { symbols } = Deno.dlopen("libc.so.6", {
  prctl: { parameters: ["i32", "u64", "buffer", "u64", "u64"], result: "i32" },
  execvp: { parameters: ["buffer", "buffer"], result: "i32" },
});

// Classic BPF over struct seccomp_data: the number of the call, and the low half of its first
// argument.
const program = [
  { code: 0x20, jumpTrue: 0, jumpFalse: 0, k: 0 }, // ld [nr]
  { code: 0x15, jumpTrue: 0, jumpFalse: 3, k: SYS_SOCKET }, // jeq socket
  { code: 0x20, jumpTrue: 0, jumpFalse: 0, k: 16 }, // ld [args[0]]
  { code: 0x15, jumpTrue: 0, jumpFalse: 1, k: AF_INET6 }, // jeq AF_INET6
  { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: SECCOMP_RET_ERRNO | EAFNOSUPPORT },
  { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: SECCOMP_RET_ALLOW },
];
const code = fixed(program.length * 8);
const view = new DataView(code.buffer);
for (const [index, step] of program.entries()) {
  view.setUint16(index * 8, step.code, true);
  view.setUint8(index * 8 + 2, step.jumpTrue);
  view.setUint8(index * 8 + 3, step.jumpFalse);
  view.setUint32(index * 8 + 4, step.k, true);
}

function addresses(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const out = fixed(8 * (parts.length + 1));
  for (const [index, part] of parts.entries()) {
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(part));
    new DataView(out.buffer).setBigUint64(8 * index, address, true);
  }
  return out;
}

const header = fixed(16); // struct sock_fprog: u16 length, padding, pointer
header.set(addresses([code]).subarray(0, 8), 8);
new DataView(header.buffer).setUint16(0, program.length, true);
checked("prctl", symbols.prctl(PR_SET_NO_NEW_PRIVS, 1n, null, 0n, 0n));
checked("prctl", symbols.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0n, 0n));

const [path] = Deno.args;
assert.ok(path !== undefined, "no program");
const words = Deno.args.map(cString);
checked(`exec ${path}`, symbols.execvp(cString(path), addresses(words)));
