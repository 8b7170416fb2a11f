/**
 * The programs that tests use beside Deno, and how a Debian gets them.
 *
 * @module
 */

/** A program that a test group can need. */
export type Tool =
  | "nft"
  | "ip"
  | "unshare"
  | "openssl"
  | "go"
  | "iptables-nft"
  | "iptables-legacy"
  | "ipset"
  | "nfacct"
  | "prometheus"
  | "promtool"
  | "bash"
  | "zsh"
  | "fish"
  | "chromium"
  | "qemu-system-x86_64"
  | "busybox"
  | "depmod";

/** The Debian package of each program. */
export const PACKAGES: Readonly<Record<Tool, string>> = {
  /** A second opinion: what the kernel says when it is not us who asks. */
  nft: "nftables",
  /** Brings the loopback of a fresh namespace up. */
  ip: "iproute2",
  unshare: "util-linux",
  /** Certificates for mutual TLS. */
  openssl: "openssl",
  /**
   * `go tool pprof` reads weir's profiles as people will. 80 MB to load, but the only package that
   * has the program: google-perftools' own reads an older format.
   */
  go: "golang-go",
  /** What kube-proxy uses to make what weir cleans up: both kinds, sets and counters. */
  "iptables-nft": "iptables",
  "iptables-legacy": "iptables",
  ipset: "ipset",
  nfacct: "nfacct",
  /** Who reads the metrics in the end: 100 MB, for the one group that asks it. */
  prometheus: "prometheus",
  promtool: "prometheus",
  /** Who complete weir's command line. */
  bash: "bash",
  zsh: "zsh",
  fish: "fish",
  /** Who looks at the page. 100 MB to load; Debian's, as playwright-core's own would be a download. */
  chromium: "chromium",
  /** The virtual machine of `deno task test:vm`; virtiofsd comes with it. */
  "qemu-system-x86_64": "qemu-system-x86",
  /** The guest's first program, which must not need a library. */
  busybox: "busybox-static",
  /** Which of the guest's kernel modules need which; its modprobe loads netfilter's. */
  depmod: "kmod",
};

/** Where Debian puts programs: an unprivileged PATH has no sbin. */
export const PROGRAM_FOLDERS: readonly string[] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * Which programs lack.
 *
 * @param tools What is needed, repetitions allowed.
 * @param exists Tells whether a file is there.
 * @returns Those that are in none of {@linkcode PROGRAM_FOLDERS}, each once, in order of need.
 */
export function missingTools(
  tools: readonly Tool[],
  exists: (path: string) => boolean,
): Tool[] {
  return [...new Set(tools)].filter((tool) =>
    !PROGRAM_FOLDERS.some((folder) => exists(`${folder}/${tool}`))
  );
}

/**
 * The command that installs programs on a Debian.
 *
 * @param tools What lacks; at least one.
 * @returns Its words.
 */
export function installCommand(tools: readonly Tool[]): string[] {
  const packages = [...new Set(tools.map((tool) => PACKAGES[tool]))].sort();
  return ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", ...packages];
}
