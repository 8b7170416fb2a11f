/**
 * The command line that runs one group.
 *
 * @module
 */
import type { TestGroup } from "./groups.ts";

/**
 * Who is not root has no sbin in PATH, where Debian puts nft and ip. A fresh mount of /run gives
 * `ip netns` a writable /run/netns. A fresh network namespace has its loopback down
 * (network_namespaces(7)).
 */
const SETTLE =
  'export PATH="$PATH:/usr/sbin:/sbin" && mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"';

/**
 * The words before a program that put it into namespaces of its own, as their root.
 *
 * @param privileged Whether the caller is root; else a user namespace is made first.
 * @returns Words to put in front. With the process namespace's first process everything in it
 * dies (pid_namespaces(7)), so that no helper of a killed test stays behind.
 */
export function namespaced(privileged: boolean): string[] {
  return [
    "unshare",
    ...(privileged ? [] : ["--user", "--map-root-user"]),
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-c",
    SETTLE,
    "sh",
  ];
}

/**
 * The command that runs a group.
 *
 * @param group A row of the table.
 * @param files What to run.
 * @param options The running Deno's path, whether the caller is root, where the report goes, and
 * by what factor tests are to be more patient than on real hardware, if by any.
 * @returns Its words.
 */
export function groupCommand(
  group: TestGroup,
  files: readonly string[],
  options: {
    readonly deno: string;
    readonly privileged: boolean;
    readonly report: string;
    readonly patience?: number;
  },
): string[] {
  return [
    ...(group.place === "namespaces" ? namespaced(options.privileged) : []),
    options.deno,
    "test",
    "--no-prompt",
    // Types are checked once, for all files together, by `deno task check`.
    "--no-check",
    ...(group.kind === "examples" ? ["--doc"] : []),
    `--junit-path=${options.report}`,
    ...group.permissions.map((flag) => flag.replaceAll("{deno}", options.deno)),
    ...files,
    // What tests find in Deno.args needs no permission.
    ...(options.patience === undefined ? [] : ["--", `--patience=${options.patience}`]),
  ];
}
