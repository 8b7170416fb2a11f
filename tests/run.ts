/**
 * `deno task test [GROUP…]`: installs what the tests need if it may, runs every group, and says
 * at the end what became of each test. The last line is always
 * `N passed, N failed, N skipped`. With CI=true a skipped test fails the run.
 *
 * @module
 */
import { groupCommand, namespaced } from "./runner/command.ts";
import { filesOf, GROUPS, type TestGroup } from "./runner/groups.ts";
import {
  completeOutcomes,
  countOutcomes,
  exitCode,
  type Outcome,
  readJunit,
  summarise,
} from "./runner/outcome.ts";
import { execute } from "./runner/execute.ts";
import { installTools } from "./runner/install.ts";
import type { Tool } from "./runner/tools.ts";
import { readTree } from "./runner/tree.ts";

const REPORTS = ".weir/test";
const deno = Deno.execPath();
const privileged = Deno.uid() === 0;
const strict = Deno.env.get("CI") === "true";

/** Why a group cannot run here, or "" if it can. */
async function obstacle(group: TestGroup, lacking: readonly Tool[]): Promise<string> {
  const tools = group.tools.filter((tool) => lacking.includes(tool));
  if (tools.length > 0) return `not installed: ${tools.join(", ")}`;
  if (group.place === "caller") return "";
  const probe = await execute([...namespaced(privileged), "true"], 10);
  if (probe === 0) return "";
  return privileged
    ? "unshare(1) cannot make namespaces here: run with CAP_SYS_ADMIN and CAP_NET_ADMIN"
    : "user namespaces are forbidden here: run as root, or set the sysctls " +
      "kernel.apparmor_restrict_unprivileged_userns=0 and kernel.unprivileged_userns_clone=1";
}

async function runGroup(
  group: TestGroup,
  files: readonly string[],
  lacking: readonly Tool[],
): Promise<Outcome[]> {
  if (files.length === 0) return [];
  const reason = await obstacle(group, lacking);
  console.log(
    reason === ""
      ? `\n== ${group.name}: ${files.length} files, at most ${group.limit} s`
      : `\n== ${group.name}: skipped, ${reason}`,
  );
  if (reason !== "") {
    return files.map((file) => ({ file, test: "(whole file)", result: "skipped", reason }));
  }
  const report = `${REPORTS}/${group.name}.xml`;
  // A report of an earlier run must not be taken for this one's.
  await Deno.remove(report).catch(() => undefined);
  const exit = await execute(groupCommand(group, files, { deno, privileged, report }), group.limit);
  const xml = await Deno.readTextFile(report).catch(() => "");
  // Examples report under names of their own, and a file may hold none that runs.
  return completeOutcomes(group.name, group.kind === "tests" ? files : [], readJunit(xml), exit);
}

const names = Deno.args;
const here = GROUPS.filter(({ place }) => place !== "machine");
const unknown = names.filter((name) => !here.some((group) => group.name === name));
if (unknown.length > 0) {
  const known = here.map((group) => group.name).join(", ");
  const elsewhere = GROUPS.some((group) => group.name === unknown[0])
    ? "it takes a machine of its own, which `deno task test:vm` has"
    : `the groups are ${known}`;
  console.error(`Cannot run test group "${unknown[0]}": ${elsewhere}`);
  Deno.exit(2);
}
const groups = here.filter((group) => names.length === 0 || names.includes(group.name));
await Deno.mkdir(REPORTS, { recursive: true });
const tree = readTree(".");
const lacking = await installTools(groups.flatMap((group) => group.tools), privileged);
const outcomes: Outcome[] = [];
// Groups in a network namespace of their own cannot fetch what is missing.
const fetched = await execute([deno, "install", "--frozen", "--quiet"], 300);
if (fetched !== 0) outcomes.push(...completeOutcomes("deno.lock", [], [], fetched));
for (const group of groups) {
  outcomes.push(...await runGroup(group, filesOf(group, tree, GROUPS), lacking));
}
console.log("");
for (const line of summarise(outcomes)) console.log(line);
Deno.exit(exitCode(countOutcomes(outcomes), strict));
