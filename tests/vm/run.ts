/**
 * `deno task test:vm [FILE…]`: the tests whose subject is the kernel, on a second kernel, in a virtual
 * machine of their own. The last line is always `N passed, N failed, N skipped`; a machine that
 * does not boot, or dies, fails every test it still owed. With CI=true a skipped test fails the run.
 *
 * @module
 */
import { boundToParent } from "../../host/capabilities/program.ts";
import { groupCommand } from "../runner/command.ts";
import { execute } from "../runner/execute.ts";
import { GROUPS } from "../runner/groups.ts";
import { exists, installTools } from "../runner/install.ts";
import {
  completeOutcomes,
  countOutcomes,
  exitCode,
  type Outcome,
  readJunit,
  summarise,
} from "../runner/outcome.ts";
import { readTree } from "../runner/tree.ts";
import { firstScript, type GuestPlan, mainScript } from "./guest.ts";
import { writeArchive } from "./initramfs.ts";
import { findKernel, firstModules, type Kernel } from "./kernel.ts";
import { fileSystemCommand, machineCommand, runsGuests } from "./machine.ts";
import { type GuestReports, readReports } from "./report.ts";
import { type Boot, bootsOf, PATIENCE_FACTOR, selectForKernel, TIME_LIMIT } from "./selection.ts";

/** Part of qemu-system-common in Debian 12, a package of its own since. */
const FILE_SYSTEM_PROGRAMS = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"];
/** Seconds for the guest's boot: a few, on a quiet machine. */
const BOOT_LIMIT = 60;

const checkout = Deno.cwd();
const folder = `${checkout}/.weir/vm`;
const deno = Deno.execPath();
const privileged = Deno.uid() === 0;
const strict = Deno.env.get("CI") === "true";
const selected = selectForKernel(GROUPS, readTree("."), Deno.args);

async function output(command: readonly string[], cwd: string): Promise<string> {
  const [program = "", ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    stdin: "null",
    env: { LC_ALL: "C" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`Cannot run "${command.join(" ")}": ${text(stderr)}`);
  return text(stdout);
}

/** Why the machine cannot run here, or the path of virtiofsd. */
async function prepare(): Promise<{ readonly reason: string } | { readonly virtiofsd: string }> {
  if (Deno.build.arch !== "x86_64") return { reason: "the virtual machine is for x86_64 only" };
  const wanted = selected.flatMap(({ group }) => group.tools);
  const lacking = await installTools(
    [...wanted, "qemu-system-x86_64", "busybox", "depmod"],
    privileged,
  );
  if (lacking.length > 0) return { reason: `not installed: ${lacking.join(", ")}` };
  if (!privileged) return { reason: "handing the host's files to the machine takes root" };
  const virtiofsd = FILE_SYSTEM_PROGRAMS.find(exists);
  return virtiofsd === undefined ? { reason: "not installed: virtiofsd" } : { virtiofsd };
}

function planFor(kernel: Kernel, boot: Boot): GuestPlan {
  const inherited = ["HOME", "DENO_DIR", "XDG_CACHE_HOME"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    checkout,
    modules: kernel.modules,
    environment: {
      ...Object.fromEntries(inherited),
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
    },
    groups: boot.selected.map(({ group, files }) => {
      const report = `/tmp/weir-${group.name}.xml`;
      return {
        name: group.name,
        title: `\n== ${group.name}: ${files.length} files`,
        limit: TIME_LIMIT,
        command: groupCommand(group, files, {
          deno,
          privileged,
          report,
          patience: PATIENCE_FACTOR,
        }),
        report,
      };
    }),
  };
}

async function writeInitramfs(kernel: Kernel, main: string, path: string): Promise<void> {
  const modules = await firstModules(kernel);
  const loaded = await Promise.all(modules.map(async (module, index) => ({
    // The first program loads them in the order of their names.
    path: `modules/${100 + index}-${module.replace(/^.*\//, "")}`,
    content: await Deno.readFile(module),
  })));
  const folders = ["bin", "proc", "sys", "dev", "host", "memory", "merged", "modules"];
  await Deno.writeFile(
    path,
    writeArchive([
      ...folders.map((name) => ({ path: name })),
      { path: "bin/busybox", content: await Deno.readFile("/bin/busybox") },
      { path: "init", content: new TextEncoder().encode(firstScript(main)) },
      ...loaded,
    ]),
  );
}

async function isDevice(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isCharDevice === true;
}

/** Waits until virtiofsd listens. */
async function listening(socket: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const found = await Deno.stat(socket).catch(() => undefined);
    if (found !== undefined) return;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error(`Cannot start virtiofsd: it does not listen on "${socket}"`);
}

/**
 * Runs the machine to its end; its tests speak to this process's standard output.
 *
 * @param boot What it runs, and with which kernel parameters.
 * @param run A folder of this run's own.
 */
async function runMachine(
  kernel: Kernel,
  virtiofsd: string,
  boot: Boot,
  run: string,
): Promise<GuestReports> {
  const [socket, initramfs, main] = [`${run}/root.sock`, `${run}/initramfs`, `${run}/main.sh`];
  const [console_, reports] = [`${run}/console`, `${run}/reports`];
  await Deno.writeTextFile(main, mainScript(planFor(kernel, boot)));
  await writeInitramfs(kernel, main, initramfs);
  // Deno itself shows /proc to nobody who may not do everything.
  const processors = await output(["setpriv", "cat", "/proc/cpuinfo"], run);
  const accelerated = runsGuests(await isDevice("/dev/kvm"), processors);
  const [program = "", ...args] = boundToParent(fileSystemCommand(virtiofsd, socket));
  const server = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await listening(socket);
    const exit = await execute(
      boundToParent(machineCommand({
        kernel: kernel.image,
        initramfs,
        fileSystem: socket,
        console: console_,
        reports,
        accelerated,
        processors: navigator.hardwareConcurrency,
        kernelParameters: boot.kernelParameters,
      })),
      BOOT_LIMIT + TIME_LIMIT * boot.selected.length,
      // At the end of its input qemu would tell the guest that nobody listens any more.
      "silence",
    );
    const told = readReports(await Deno.readTextFile(reports).catch(() => ""));
    if (told.ended) return told;
    const last = (await Deno.readTextFile(console_).catch(() => "")).split("\n").slice(-30);
    console.log(`The virtual machine ended early (${exit}). Its kernel's last words:`);
    console.log(last.join("\n"));
    return told;
  } finally {
    try {
      server.kill("SIGTERM");
    } catch {
      // It ends with the machine.
    }
    await server.status;
  }
}

function became({ selected }: Boot, { groups, ended }: GuestReports): Outcome[] {
  return selected.flatMap(({ group, files }) => {
    const { exit, xml } = groups.get(group.name) ??
      { exit: "the virtual machine ended before it", xml: "" };
    const outcomes = completeOutcomes(group.name, files, readJunit(xml), exit);
    return outcomes;
  }).concat(
    ended ? [] : [{
      file: "tests/vm",
      test: "the virtual machine runs to its end",
      result: "failed",
      reason: "it did not boot, or died",
    }],
  );
}

async function runAll(): Promise<Outcome[]> {
  const ready = await prepare();
  if ("reason" in ready) {
    const { reason } = ready;
    return selected.flatMap(({ files }) =>
      files.map((file) => ({ file, test: "(whole file)", result: "skipped", reason }))
    );
  }
  const fetched = await execute([deno, "install", "--frozen", "--quiet"], 300);
  if (fetched !== 0) return completeOutcomes("deno.lock", [], [], fetched);
  const kernel = await findKernel(folder, output, console.log);
  const outcomes: Outcome[] = [];
  for (const boot of bootsOf(selected)) {
    const parameters = boot.kernelParameters.map((word) => `, with ${word}`).join("");
    console.log(`Starting Linux ${kernel.release} in a virtual machine${parameters}`);
    const run = await Deno.makeTempDir({ dir: folder, prefix: "run-" });
    try {
      outcomes.push(...became(boot, await runMachine(kernel, ready.virtiofsd, boot, run)));
    } finally {
      await Deno.remove(run, { recursive: true });
    }
  }
  return outcomes;
}

let outcomes: Outcome[];
try {
  outcomes = await runAll();
} catch (fault) {
  outcomes = completeOutcomes("tests/vm", [], [], String(fault));
}
console.log("");
for (const line of summarise(outcomes)) console.log(line);
Deno.exit(exitCode(countOutcomes(outcomes), strict));
