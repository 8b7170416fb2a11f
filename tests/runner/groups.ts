/**
 * The groups in which the tests run, in this order: what each may touch, how long it may take and
 * what it needs of the machine. A test file belongs to the group with the longest matching path,
 * so a new folder is tested without a word here, with its room's permissions.
 *
 * @module
 */
import type { Tool } from "./tools.ts";

/** Where a group's process runs. */
export type Place =
  /** As the caller, in the caller's namespaces. */
  | "caller"
  /**
   * As root in network, mount and process namespaces of its own, made by unshare(1): for who is
   * not root in a user namespace. Nothing it does to the kernel outlives it.
   */
  | "namespaces"
  /**
   * As root in the first namespaces of a virtual machine that is booted for this group alone: the
   * kernel's modules and what belongs to the whole node are its own. Only `deno task test:vm` has
   * one.
   */
  | "machine";

/** One row of the table. */
export interface TestGroup {
  /** What the progress lines and `deno task test NAME` call it. */
  readonly name: string;
  /** Files or folders, from the repository's root; `/` between parts, none at the end. */
  readonly paths: readonly string[];
  /** `tests` are `*_test.ts`; `examples` are the code blocks of documentation. */
  readonly kind: "tests" | "examples";
  readonly place: Place;
  /** Words of the kernel's command line besides the usual ones; for a machine. */
  readonly kernelParameters?: readonly string[];
  /** Programs that must be there; without one the group is skipped, and in CI that fails. */
  readonly tools: readonly Tool[];
  /** Flags of `deno test`; `{deno}` stands for the running Deno's own path. */
  readonly permissions: readonly string[];
  /** Seconds; then the group is killed and every file without a result counts as failed. */
  readonly limit: number;
}

/** 192.0.2.1 is the machine's address, 10.96.0.0/16 its cluster IPs. */
const MACHINE_PERMISSIONS = [
  "--ignore-env",
  "--allow-read",
  "--allow-write=/tmp",
  "--allow-net=127.0.0.1,192.0.2.1,10.96.0.1",
  "--allow-ffi",
  "--allow-run=ip,modprobe,nft,nsenter,prlimit,rmmod,setpriv,unshare,{deno}",
];

/** All groups, cheap ones first. The sum of the limits is not the expected duration. */
export const GROUPS: readonly TestGroup[] = [
  {
    name: "house",
    paths: ["tests/house", "tests/runner", "tests/vm"],
    kind: "tests",
    place: "caller",
    tools: [],
    permissions: ["--allow-read=.", "--allow-run={deno}"],
    limit: 120,
  },
  {
    name: "schemas",
    paths: ["schemas"],
    kind: "tests",
    place: "caller",
    tools: [],
    permissions: [],
    limit: 60,
  },
  {
    name: "plugins",
    paths: ["plugins"],
    kind: "tests",
    place: "caller",
    tools: [],
    permissions: [],
    limit: 120,
  },
  {
    name: "host",
    paths: ["host", "tests/bench", "tests/monitoring", "tests/kubernetes"],
    kind: "tests",
    place: "caller",
    tools: [],
    permissions: ["--ignore-env", "--allow-read=."],
    limit: 120,
  },
  {
    name: "manifests",
    paths: ["host/source/manifests", "host/reload/config_file_test.ts"],
    kind: "tests",
    place: "caller",
    tools: [],
    // A ConfigMap volume is made of symbolic links, which Deno makes for who may go anywhere only.
    permissions: ["--ignore-env", "--allow-read", "--allow-write"],
    limit: 120,
  },
  {
    name: "logs",
    paths: ["host/telemetry/running_log_test.ts"],
    kind: "tests",
    place: "caller",
    tools: [],
    // klog's names that lead to the newest file are symbolic links, too.
    permissions: ["--ignore-env", "--allow-read", "--allow-write"],
    limit: 60,
  },
  {
    name: "network",
    paths: [
      "host/source/kube",
      "host/routes",
      "host/relay",
      "host/capabilities/credentials_test.ts",
      "tests/kit",
    ],
    kind: "tests",
    place: "caller",
    tools: ["openssl"],
    permissions: [
      "--ignore-env",
      "--allow-read=.,/tmp",
      "--allow-write=/tmp",
      // 192.0.2.1 (TEST-NET-1, RFC 5737) is nobody's: binding it must fail.
      "--allow-net=127.0.0.1,localhost,[::1],0.0.0.0,[::],192.0.2.1",
      "--allow-run=openssl,{deno}",
    ],
    limit: 180,
  },
  {
    name: "traces",
    paths: ["host/telemetry/otlp"],
    kind: "tests",
    place: "caller",
    tools: ["openssl"],
    // The exporter reads its variables from the environment, where each test sets its own.
    permissions: [
      "--ignore-env",
      "--allow-env=OTEL_*",
      "--allow-read=.,/tmp",
      "--allow-write=/tmp",
      "--allow-net=127.0.0.1",
      "--allow-run=openssl",
    ],
    limit: 120,
  },
  {
    name: "profiles",
    paths: ["host/profiles", "host/routes/pprof_test.ts"],
    kind: "tests",
    place: "caller",
    tools: ["go"],
    permissions: [
      "--ignore-env",
      "--allow-read=.",
      "--allow-write=/tmp",
      "--allow-net=127.0.0.1",
      // The inspector of the own process asks for all of it.
      "--allow-sys",
      "--allow-run=go",
    ],
    limit: 120,
  },
  {
    name: "shells",
    paths: ["tests/shells"],
    kind: "tests",
    place: "caller",
    tools: ["bash", "zsh", "fish"],
    permissions: [
      "--ignore-env",
      "--allow-read=.,/tmp",
      "--allow-write=/tmp",
      "--allow-run=bash,zsh,fish",
    ],
    limit: 60,
  },
  {
    name: "sandbox",
    paths: ["host/sandbox", "tests/hostile", "examples"],
    kind: "tests",
    place: "caller",
    tools: [],
    permissions: [
      "--ignore-env",
      // The bundler reads packages where Deno caches them.
      "--allow-read",
      "--allow-write=/tmp",
      "--allow-run=unshare,setpriv,prlimit,cat,ln,ls,readlink,{deno}",
    ],
    limit: 300,
  },
  {
    name: "capabilities",
    paths: ["host/capabilities", "tests/kit/packet"],
    kind: "tests",
    place: "namespaces",
    tools: ["unshare", "ip", "nft"],
    permissions: [
      "--allow-read=.",
      "--allow-net=127.0.0.1,[::1]",
      "--allow-ffi",
      "--allow-run=unshare,nsenter,nft,{deno}",
    ],
    limit: 180,
  },
  {
    name: "kernel",
    paths: ["tests/kernel"],
    kind: "tests",
    place: "namespaces",
    tools: ["unshare", "ip", "nft", "iptables-nft", "iptables-legacy", "ipset", "nfacct"],
    permissions: [
      "--ignore-env",
      "--allow-read",
      "--allow-write=/tmp",
      "--allow-ffi",
      // Of the namespace, where a weir may run beside the test.
      "--allow-net=127.0.0.1",
      "--allow-run=ip,nft,unshare,nsenter,setpriv,prlimit,{deno}",
    ],
    limit: 900,
  },
  {
    name: "profiled",
    paths: ["tests/kernel/profile_test.ts"],
    kind: "tests",
    place: "namespaces",
    tools: ["unshare", "ip", "go"],
    permissions: [
      "--ignore-env",
      "--allow-read",
      "--allow-write=/tmp",
      "--allow-ffi",
      "--allow-run=ip,unshare,nsenter,setpriv,prlimit,{deno}",
    ],
    limit: 180,
  },
  {
    name: "prometheus",
    paths: ["tests/kernel/prometheus_test.ts"],
    kind: "tests",
    place: "namespaces",
    tools: ["unshare", "ip", "prometheus", "promtool"],
    permissions: [
      "--ignore-env",
      "--allow-read",
      "--allow-write=/tmp",
      "--allow-ffi",
      "--allow-run=ip,unshare,nsenter,setpriv,prlimit,prometheus,promtool,{deno}",
    ],
    limit: 180,
  },
  {
    name: "browser",
    paths: ["tests/page"],
    kind: "tests",
    place: "namespaces",
    tools: ["unshare", "ip", "chromium"],
    permissions: [
      "--ignore-env",
      "--allow-env=__IS_WSL_TEST__",
      "--allow-read",
      "--allow-write=/tmp",
      "--allow-net=localhost",
      // playwright-core asks what machine this is.
      "--allow-sys",
      "--allow-ffi",
      "--allow-run=unshare,nsenter,setpriv,prlimit,chromium,{deno}",
    ],
    limit: 400,
  },
  {
    name: "conformance",
    paths: ["tests/conformance"],
    kind: "tests",
    place: "caller",
    tools: [],
    permissions: ["--ignore-env", "--allow-read"],
    limit: 120,
  },
  {
    name: "packets",
    paths: ["tests/conformance/packets_test.ts", "tests/conformance/agreement_test.ts"],
    kind: "tests",
    place: "namespaces",
    tools: ["unshare", "ip"],
    permissions: [
      "--ignore-env",
      "--allow-read",
      "--allow-ffi",
      "--allow-run=unshare,nsenter,{deno}",
    ],
    limit: 400,
  },
  {
    name: "machine",
    paths: ["tests/machine"],
    kind: "tests",
    place: "machine",
    tools: ["ip", "nft"],
    permissions: MACHINE_PERMISSIONS,
    limit: 180,
  },
  {
    name: "without-ipv6",
    paths: ["tests/machine/without_ipv6_test.ts"],
    kind: "tests",
    place: "machine",
    kernelParameters: ["ipv6.disable=1"],
    tools: ["ip", "nft"],
    permissions: MACHINE_PERMISSIONS,
    limit: 180,
  },
  {
    name: "documentation",
    paths: ["mod.ts", "schemas", "plugins/sdk", "tests/kit", "README.md", "CONTRIBUTING.md"],
    kind: "examples",
    place: "caller",
    tools: ["openssl"],
    permissions: [
      "--ignore-env",
      "--allow-read=.,/tmp",
      "--allow-write=/tmp",
      "--allow-net=127.0.0.1",
      "--allow-run=openssl",
    ],
    limit: 120,
  },
];

/**
 * The group a test file belongs to.
 *
 * @param path From the repository's root, for example `host/source/kube/frames_test.ts`.
 * @param groups The table.
 * @returns The group with the longest path that covers the file, or undefined if none does.
 */
export function groupOf(path: string, groups: readonly TestGroup[]): TestGroup | undefined {
  let best: { readonly group: TestGroup; readonly length: number } | undefined;
  for (const group of groups) {
    if (group.kind !== "tests") continue;
    for (const covered of group.paths) {
      if (path !== covered && !path.startsWith(`${covered}/`)) continue;
      if (best === undefined || covered.length > best.length) {
        best = { group, length: covered.length };
      }
    }
  }
  return best?.group;
}

/**
 * The files of a group.
 *
 * @param group A row of the table.
 * @param tree Every file of the repository, from its root, with what it says.
 * @param groups The table.
 * @returns Paths, sorted.
 */
export function filesOf(
  group: TestGroup,
  tree: ReadonlyMap<string, string>,
  groups: readonly TestGroup[],
): string[] {
  const files: string[] = [];
  for (const [path, text] of tree) {
    if (group.kind === "tests") {
      if (path.endsWith("_test.ts") && groupOf(path, groups) === group) files.push(path);
    } else if (
      group.paths.some((covered) => path === covered || path.startsWith(`${covered}/`)) &&
      !path.endsWith("_test.ts") && hasExample(path, text)
    ) files.push(path);
  }
  return files.sort();
}

function hasExample(path: string, text: string): boolean {
  return path.endsWith(".md")
    ? /^```(ts|typescript)$/m.test(text)
    : path.endsWith(".ts") && /^ *\* ```ts$/m.test(text);
}
