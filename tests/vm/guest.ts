/**
 * What the guest does from its first program on: reach the host's files, run the groups, report,
 * switch itself off. Pure.
 *
 * @module
 */
import { REPORT_PORT, SPOKEN_PORT } from "./machine.ts";

/** One group of tests as the guest runs it. */
export interface GuestGroup {
  readonly name: string;
  /** The progress line. */
  readonly title: string;
  /** Seconds, by the guest's clock; then the group is killed. */
  readonly limit: number;
  /** Its command. */
  readonly command: readonly string[];
  /** Where the command leaves its report, in the guest. */
  readonly report: string;
}

/** What the guest is to do. */
export interface GuestPlan {
  /** Its working directory: the checkout. */
  readonly checkout: string;
  /** The folder that holds this kernel's modules. */
  readonly modules: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly groups: readonly GuestGroup[];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The first program, before there is a root file system. The host's files are mounted read-only,
 * and an overlay whose upper half is the guest's memory takes what is written: nothing the guest
 * does reaches the host.
 *
 * @param main Where the second script is, on the host.
 * @returns A script for busybox.
 */
export function firstScript(main: string): string {
  return `#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod "$module"; done
$b mount -t virtiofs -o ro host /host
$b mount -t tmpfs memory /memory
$b mkdir /memory/upper /memory/work
$b mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work merged /merged
for folder in proc sys dev; do $b mount --move /$folder /merged/$folder; done
exec $b switch_root /merged /bin/sh ${quoted(main)}
`;
}

/**
 * The second program, with everything the host has. Process 1 must not end before the machine is
 * off: the kernel would panic.
 *
 * @param plan What to run.
 * @returns A script for sh.
 */
export function mainScript(plan: GuestPlan): string {
  const exports = Object.entries(plan.environment).map(([name, value]) =>
    `export ${name}=${quoted(value)}`
  );
  const groups = plan.groups.map(({ name, title, limit, command, report }) =>
    `echo ${quoted(title)}
timeout --kill-after=5 ${limit} ${command.map(quoted).join(" ")} </dev/null
code=$?
{ echo ${quoted(`group ${name}`)} $code; cat ${quoted(report)}; echo; } >$reports 2>/dev/null
`
  );
  return `${exports.join("\n")}
# vport, the number of the device on its bus, p, the number of the port.
exec >"$(echo /dev/vport*p${SPOKEN_PORT})" 2>&1
reports=$(echo /dev/vport*p${REPORT_PORT})
mount -t tmpfs run /run
mkdir -p /dev/pts /dev/shm /lib/modules
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
release=$(uname -r)
[ -e /lib/modules/$release ] || ln -s ${quoted(plan.modules)} /lib/modules/$release
ip link set lo up
cd ${quoted(plan.checkout)}
echo "Linux $release runs"
${groups.join("")}echo end >$reports
sync
echo o >/proc/sysrq-trigger
while :; do sleep 1; done
`;
}
