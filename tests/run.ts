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
import { installCommand, missingTools, type Tool } from "./runner/tools.ts";
import { readTree } from "./runner/tree.ts";

const REPORTS = ".weir/test";
const deno = Deno.execPath();
const privileged = Deno.uid() === 0;
const strict = Deno.env.get("CI") === "true";

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function run(words: readonly string[], seconds: number): Promise<number | string> {
  const [program = "", ...args] = words;
  const started = performance.now();
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      stdin: "null",
      env: { DEBIAN_FRONTEND: "noninteractive", DENO_NO_UPDATE_CHECK: "1" },
    }).spawn();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  const { code, signal } = await child.status;
  clearTimeout(timer);
  if (signal === null) return code;
  const lasted = Math.round((performance.now() - started) / 1000);
  return `killed by ${signal} after ${lasted} s of at most ${seconds} s`;
}

async function install(groups: readonly TestGroup[]): Promise<Tool[]> {
  const wanted = groups.flatMap((group) => group.tools);
  const lacking = missingTools(wanted, exists);
  if (lacking.length === 0) return [];
  const command = installCommand(lacking);
  if (!privileged || !exists("/usr/bin/apt-get")) {
    console.log(`Some tests need ${lacking.join(", ")}. As root: ${command.join(" ")}`);
    return lacking;
  }
  console.log(`Installing for the tests: ${command.join(" ")}`);
  await run(["apt-get", "update", "--quiet", "--quiet"], 180);
  await run(command, 300);
  return missingTools(wanted, exists);
}

/** Why a group cannot run here, or "" if it can. */
async function obstacle(group: TestGroup, lacking: readonly Tool[]): Promise<string> {
  const tools = group.tools.filter((tool) => lacking.includes(tool));
  if (tools.length > 0) return `not installed: ${tools.join(", ")}`;
  if (group.place === "caller") return "";
  const probe = await run([...namespaced(privileged), "true"], 10);
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
  const exit = await run(groupCommand(group, files, { deno, privileged, report }), group.limit);
  const xml = await Deno.readTextFile(report).catch(() => "");
  // Examples report under names of their own, and a file may hold none that runs.
  return completeOutcomes(group.name, group.kind === "tests" ? files : [], readJunit(xml), exit);
}

const names = Deno.args;
const unknown = names.filter((name) => !GROUPS.some((group) => group.name === name));
if (unknown.length > 0) {
  const known = GROUPS.map((group) => group.name).join(", ");
  console.error(`Cannot run test group "${unknown[0]}": the groups are ${known}`);
  Deno.exit(2);
}
const groups = GROUPS.filter((group) => names.length === 0 || names.includes(group.name));
await Deno.mkdir(REPORTS, { recursive: true });
const tree = readTree(".");
const lacking = await install(groups);
const outcomes: Outcome[] = [];
// Groups in a network namespace of their own cannot fetch what is missing.
const fetched = await run([deno, "install", "--frozen", "--quiet"], 300);
if (fetched !== 0) outcomes.push(...completeOutcomes("deno.lock", [], [], fetched));
for (const group of groups) {
  outcomes.push(...await runGroup(group, filesOf(group, tree, GROUPS), lacking));
}
console.log("");
for (const line of summarise(outcomes)) console.log(line);
Deno.exit(exitCode(countOutcomes(outcomes), strict));
