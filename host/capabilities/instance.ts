/**
 * The mark that a weir works in a network namespace: an abstract socket (unix(7)). Its name belongs
 * to the network namespace, as the rules do, and the kernel forgets it with the process, however
 * that one ends.
 *
 * @module
 */
import { errnoOf } from "./errno.ts";
import { checked, errno, fixed, libc, SystemCallError } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Who asks for the holder stays in its queue, which nobody reads; after so many it has no pid. */
const BACKLOG = 128;
const EADDRINUSE = errnoOf("EADDRINUSE");

/** The name that every weir claims, whichever its version. */
const INSTANCE_NAME = "weir-proxy";

/** What became of a claim. */
export type InstanceClaim =
  | {
    readonly type: "claimed";
    /** Gives the name back before the process ends. */
    release(): void;
  }
  | {
    readonly type: "held";
    /** The holder's process id as this process sees it; undefined when it is out of sight. */
    readonly pid: number | undefined;
  }
  /**
   * The name is held by a process of a user that may not touch the node's network: anybody may
   * claim an abstract name, which must not keep weir from its work.
   */
  | { readonly type: "squatted"; readonly pid: number | undefined; readonly uid: number };

/** `struct sockaddr_un` with a leading NUL; the length, not a NUL, ends the name. */
function abstractAddress(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(name);
  const address = fixed(3 + bytes.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, 3);
  return address;
}

function openSocket(): number {
  const type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  return checked("socket", libc().socket(AF_UNIX, type, 0));
}

/** Who has called listen(2) on the name, or undefined when that cannot be learned. */
function holderOf(address: Uint8Array<ArrayBuffer>): { pid: number; uid: number } | undefined {
  const fd = openSocket();
  try {
    if (libc().connect(fd, address, address.length) < 0) return undefined;
    const credentials = fixed(12);
    const size = fixed(4);
    size[0] = credentials.length;
    if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, size) < 0) return undefined;
    const view = new DataView(credentials.buffer);
    return { pid: view.getInt32(0, true), uid: view.getUint32(4, true) };
  } finally {
    libc().close(fd);
  }
}

/**
 * Claims the network namespace of the calling thread.
 *
 * @param name What to claim it by.
 * @returns Whether it is claimed, until the process ends, or who has it.
 * @throws {SystemCallError} When the kernel refuses for another reason.
 */
export function claimInstance(name: string = INSTANCE_NAME): InstanceClaim {
  const address = abstractAddress(name);
  const fd = openSocket();
  if (libc().bind(fd, address, address.length) === 0) {
    checked("listen", libc().listen(fd, BACKLOG));
    return { type: "claimed", release: () => void libc().close(fd) };
  }
  const number = errno();
  libc().close(fd);
  if (number !== EADDRINUSE) throw new SystemCallError("bind", number);
  const holder = holderOf(address);
  // A process of another pid namespace that is not within this one has the number 0.
  const pid = holder === undefined || holder.pid === 0 ? undefined : holder.pid;
  const trusted = holder === undefined || holder.uid === 0 || holder.uid === libc().geteuid();
  return trusted ? { type: "held", pid } : { type: "squatted", pid, uid: holder.uid };
}
