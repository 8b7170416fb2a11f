/**
 * Network namespaces: made, kept and entered without any program but `nsenter` and `unshare` of
 * util-linux, with full rights or inside an unprivileged user namespace.
 *
 * A network namespace belongs to a thread, not to a process. `unshare` and `setns` therefore move
 * the calling thread alone, and every thread started meanwhile. Here both happen within one
 * synchronous stretch of JavaScript that ends back at home: nothing else runs on this thread in
 * between and no thread is started, so neither Deno's I/O nor other threads ever see the other
 * namespace. What must stay inside for longer than one call is a child process (`nsenter`).
 *
 * A namespace lives as long as a descriptor, a process or a socket holds it. Ours is held by a
 * descriptor of this process, so even `kill -9` leaves nothing behind.
 *
 * @module
 */
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { checked, libc, SystemCallError } from "./libc.ts";
import { openSystemFile, readSystemFile, writeSystemFile } from "./system_file.ts";

const CLONE_NEWNET = 0x40000000;
/** The thread's, not the process's: `deno test` runs files on threads of their own. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";
const CAP_SYS_ADMIN = 21n;

/** Runs `work` and brings this thread home, whatever happens. */
function away<T>(leave: () => void, work: () => T): T {
  const home = openSystemFile(OWN_NAMESPACE, "read");
  try {
    leave();
    try {
      const result = work();
      if (result instanceof Promise) {
        throw new TypeError(
          "Cannot enter namespace asynchronously: only the call itself is inside",
        );
      }
      return result;
    } finally {
      // If this fails the thread is lost in the other namespace: an uncaught error is right.
      checked("setns", libc().setns(home, CLONE_NEWNET));
    }
  } finally {
    libc().close(home);
  }
}

function refused(action: string, cause: unknown): WeirError {
  return new WeirError("WEIR_NAMESPACE", `Cannot ${action}: ${messageOf(cause)}`, { cause });
}

/** A network namespace, held open by this process. */
export class NetworkNamespace implements Disposable {
  /** For messages. */
  readonly name: string;
  /** Names the namespace to the kernel, for example in IFLA_NET_NS_FD: a descriptor from 3 on. */
  readonly fd: number;
  #open = true;

  private constructor(name: string, fd: number) {
    this.name = name;
    this.fd = fd;
  }

  /**
   * Makes a new, empty namespace: only a loopback interface, which is down.
   *
   * @param name For messages; it need not be unique.
   * @returns The namespace.
   * @throws {WeirError} WEIR_NAMESPACE without CAP_SYS_ADMIN.
   */
  static create(name: string): NetworkNamespace {
    try {
      const fd = away(
        () => checked("unshare", libc().unshare(CLONE_NEWNET)),
        () => openSystemFile(OWN_NAMESPACE, "read"),
      );
      return new NetworkNamespace(name, fd);
    } catch (cause) {
      if (!(cause instanceof SystemCallError)) throw cause;
      throw refused(`make network namespace "${name}"`, cause);
    }
  }

  /**
   * A namespace that another process of the same user holds open.
   *
   * @param name For messages.
   * @param path Its {@linkcode NetworkNamespace.path}.
   * @returns The namespace; closing it closes the reference only.
   * @throws {WeirError} WEIR_NAMESPACE when that process holds it no longer.
   */
  static open(name: string, path: string): NetworkNamespace {
    try {
      return new NetworkNamespace(name, openSystemFile(path, "read"));
    } catch (cause) {
      if (!(cause instanceof SystemCallError)) throw cause;
      throw refused(`open network namespace "${name}"`, cause);
    }
  }

  /**
   * The namespace in which this process is.
   *
   * @returns The namespace; closing it closes the reference only.
   */
  static own(): NetworkNamespace {
    return new NetworkNamespace("own", openSystemFile(OWN_NAMESPACE, "read"));
  }

  /** Names the namespace to other processes of the same user, as long as it is open here. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.fd}`;
  }

  /**
   * Does something inside, such as opening a socket, which then belongs to this namespace.
   *
   * @param work Synchronous.
   * @returns What it returned.
   * @throws {WeirError} WEIR_NAMESPACE without CAP_SYS_ADMIN, or whatever `work` threw.
   */
  inside<T>(work: () => T): T {
    const enter = () => {
      try {
        checked("setns", libc().setns(this.fd, CLONE_NEWNET));
      } catch (cause) {
        throw refused(`enter network namespace "${this.name}"`, cause);
      }
    };
    return away(enter, work);
  }

  /**
   * The command line that runs a program inside.
   *
   * @param command Program and arguments.
   * @returns The same behind `nsenter`. It works for children of this process and others of the
   * same user, as long as this namespace is open.
   */
  command(command: readonly string[]): readonly [string, ...string[]] {
    return ["nsenter", `--net=${this.path}`, "--", ...command];
  }

  /**
   * Sets a sysctl of this namespace.
   *
   * @param key Below `net`, for example `ipv4/ip_forward`.
   * @param value For example `1`.
   * @throws {WeirError} WEIR_NAMESPACE when the kernel refuses.
   */
  sysctl(key: string, value: string): void {
    try {
      // /proc/sys/net shows the namespace of the thread that opens a file in it.
      this.inside(() => writeSystemFile(`/proc/sys/net/${key}`, value));
    } catch (cause) {
      if (!(cause instanceof SystemCallError)) throw cause;
      throw refused(`set sysctl "net/${key}" to ${value}`, cause);
    }
  }

  /** Lets go of the namespace; it ends with its last process and socket. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    libc().close(this.fd);
  }

  /** As {@linkcode NetworkNamespace.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** What decides whether namespaces can be made; passed in so that each answer can be tried. */
export interface NamespaceRights {
  /** Gives the text of a file under /proc, or undefined when it is not there. */
  readonly read: (path: string) => string | undefined;
  /** Tells whether `unshare --user --map-root-user` succeeds, and what it said if not. */
  readonly tryUserNamespace: () => Promise<{ readonly ok: boolean; readonly said: string }>;
}

function readIfThere(path: string): string | undefined {
  try {
    return readSystemFile(path);
  } catch (fault) {
    if (fault instanceof SystemCallError) return undefined;
    throw fault;
  }
}

/** The rights of this process on this machine. */
const MACHINE_RIGHTS: NamespaceRights = {
  read: readIfThere,
  async tryUserNamespace() {
    try {
      const { success, stderr } = await new Deno.Command("unshare", {
        args: ["--user", "--map-root-user", "--net", "true"],
        clearEnv: true,
        stdout: "null",
        stderr: "piped",
      }).output();
      return { ok: success, said: new TextDecoder().decode(stderr).trim() };
    } catch (fault) {
      if (fault instanceof Deno.errors.NotFound) {
        return { ok: false, said: "unshare (package util-linux) is not installed" };
      }
      throw fault;
    }
  },
};

/** Known reasons why user namespaces are forbidden, and what helps. */
const OBSTACLES = [
  {
    path: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    forbids: "1",
    remedy: "AppArmor forbids user namespaces to programs without a profile (Ubuntu 23.10 and " +
      "later): run as root, or `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
  },
  {
    path: "/proc/sys/kernel/unprivileged_userns_clone",
    forbids: "0",
    remedy: "this kernel forbids user namespaces: run as root, or " +
      "`sysctl -w kernel.unprivileged_userns_clone=1`",
  },
  {
    path: "/proc/sys/user/max_user_namespaces",
    forbids: "0",
    remedy: "no user namespaces are allowed: run as root, or " +
      "`sysctl -w user.max_user_namespaces=10000`",
  },
] as const;

/**
 * How to start a program so that it may make namespaces.
 *
 * @param command Program and arguments.
 * @param rights The machine's, unless a test says otherwise.
 * @returns The command itself when this process has CAP_SYS_ADMIN, else the same behind
 * `unshare --user --map-root-user --net`: it is root there, in a network of its own.
 * @throws {WeirError} WEIR_NAMESPACE with the remedy when neither works.
 */
export async function withNamespaceRights(
  command: readonly string[],
  rights: NamespaceRights = MACHINE_RIGHTS,
): Promise<readonly string[]> {
  const status = rights.read("/proc/self/status") ?? "";
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status);
  if ((BigInt(`0x${effective?.[1] ?? "0"}`) >> CAP_SYS_ADMIN & 1n) === 1n) return command;
  const { ok, said } = await rights.tryUserNamespace();
  if (ok) return ["unshare", "--user", "--map-root-user", "--net", "--", ...command];
  const obstacle = OBSTACLES.find(({ path, forbids }) => rights.read(path)?.trim() === forbids);
  // Effective uid 0 without the capability is root in a container.
  const remedy = /^Uid:\s*\d+\s+0\s/m.test(status)
    ? "root lacks CAP_SYS_ADMIN in this container: start it with `--privileged`"
    : "run as root";
  throw new WeirError(
    "WEIR_NAMESPACE",
    'Cannot make namespaces "without root": ' +
      (obstacle?.remedy ?? `${said === "" ? "unshare failed" : said}; ${remedy}`),
  );
}
