/**
 * What runs on the second kernel: the groups whose subject is the kernel, which are those that run
 * in namespaces of their own, and of their files all but those whose subject is something else; and
 * the groups that take a machine of their own.
 *
 * @module
 */
import { filesOf, type TestGroup } from "../runner/groups.ts";

/** By what factor tests wait longer than on real hardware before they say that nothing happens. */
export const PATIENCE_FACTOR = 5;

/** Seconds for each group, by the guest's clock: twice what the longest takes on two processors. */
export const TIME_LIMIT = 1200;

/**
 * Files of those groups that stay on the first kernel, and why. What an emulated processor cannot
 * do is keep up a rate or finish in a time; that a kernel is older changes nothing about it.
 */
export const LEFT_OUT: ReadonlyMap<string, string> = new Map([
  [
    "tests/kernel/api_server_test.ts",
    "waits out a source's back-off under 200 connections a second",
  ],
  [
    "tests/kernel/demo_test.ts",
    "the demo scales under 200 connections a second, none of which fails",
  ],
  [
    "tests/kernel/cleanup_test.ts",
    "its subject is what other programs leave, and building that takes minutes when emulated",
  ],
  [
    "tests/kernel/conntrack_load_test.ts",
    "its subject is how 100,000 flows hold up an event loop, by the clock",
  ],
  [
    "tests/kernel/families_test.ts",
    "tests/machine/without_ipv6_test.ts has for real what a system call filter shows there",
  ],
  [
    "tests/kernel/tuner_test.ts",
    "what the second kernel lets be set, tests/machine/conntrack_test.ts sees with one weir for ten",
  ],
  ["tests/kernel/explain_test.ts", "its subject is what weir answers over HTTP, not the kernel"],
  ["tests/kernel/log_test.ts", "its subject is the log, not the kernel"],
  ["tests/kernel/load_test.ts", "its subject is the load itself, 200 connections a second"],
  ["tests/kernel/metrics_move_test.ts", "its subject is what the metrics say, not the kernel"],
  ["tests/kernel/prometheus_test.ts", "its subject is a program that reads pages over HTTP"],
  ["tests/kernel/pages_test.ts", "its subject is pages over HTTP, not the kernel"],
  ["tests/kernel/http_flood_test.ts", "its subject is what requests over HTTP may cost"],
  ["tests/page/foreign_site_test.ts", "its subject is what a browser lets other sites have"],
  ["tests/page/page_test.ts", "its subject is a page in a browser, not the kernel"],
  ["tests/page/strange_test.ts", "its subject is a page in a browser, not the kernel"],
  [
    "tests/kernel/process_test.ts",
    "its subject is the process: its rights, signals and exit codes",
  ],
  ["tests/kernel/profile_test.ts", "its subject is V8's profilers, not the kernel"],
  ["tests/kernel/start_test.ts", "its subject is what weir says where something is missing"],
  ["tests/kernel/reload_test.ts", "reloads under 200 connections a second, and by the clock"],
  ["tests/kernel/takeover_test.ts", "takes over under 200 connections a second"],
  [
    "tests/kernel/rules_diff_test.ts",
    "starts weir and weir diff a dozen times; what these ask of the kernel is rules_model_test.ts",
  ],
  ["tests/kernel/survive_test.ts", "kills and stops under 200 connections a second"],
  ["tests/kernel/traces_test.ts", "its subject is what a collector gets, by the clock"],
  [
    "tests/kernel/table_owner_test.ts",
    "starts under 200 connections a second; what it asks of the kernel is table_claim_test.ts",
  ],
  ["tests/kernel/third_party_test.ts", "its subject is how a plugin is loaded, not the kernel"],
  ["tests/kernel/turncoat_test.ts", "its subject is a sandbox's limits, by the clock"],
]);

/** A group with the files of it that run. */
export interface Selected {
  readonly group: TestGroup;
  readonly files: readonly string[];
}

/**
 * What runs.
 *
 * @param groups The table of groups.
 * @param tree Every file of the repository, from its root, with what it says.
 * @param only The files that are to run; all when empty. A file left out runs when it is named.
 * @returns The groups that have anything to run, in the table's order.
 */
export function selectForKernel(
  groups: readonly TestGroup[],
  tree: ReadonlyMap<string, string>,
  only: readonly string[],
): Selected[] {
  const wanted = (file: string) => only.length === 0 ? !LEFT_OUT.has(file) : only.includes(file);
  return groups.filter(({ place }) => place !== "caller")
    .map((group) => ({
      group,
      files: filesOf(group, tree, groups).filter(wanted),
    }))
    .filter(({ files }) => files.length > 0);
}

/** A machine's run, from its boot until it is switched off. */
export interface Boot {
  /** Words of the kernel's command line besides the usual ones. */
  readonly kernelParameters: readonly string[];
  /** What runs, one after the other. */
  readonly selected: readonly Selected[];
}

/**
 * Which machines are booted for what is to run.
 *
 * @param selected What runs.
 * @returns One for each group that takes a machine of its own, and one for all others together.
 */
export function bootsOf(selected: readonly Selected[]): Boot[] {
  const own = selected.filter(({ group }) => group.place === "machine");
  const shared = selected.filter(({ group }) => group.place !== "machine");
  return [
    ...own.map((one) => ({
      kernelParameters: one.group.kernelParameters ?? [],
      selected: [one],
    })),
    ...(shared.length === 0 ? [] : [{ kernelParameters: [], selected: shared }]),
  ];
}
