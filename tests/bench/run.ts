/**
 * `deno task bench`: measures weir beside upstream's lay-out, prints a table and writes
 * bench.json. It runs in a network namespace of its own, so that it touches no rule of the
 * machine; without root also in a user namespace.
 *
 * Options: `--sizes 1000,5000,10000` Services, `--endpoints 10` each, `--mixed 10000` Services of
 * all types (0 for none), `--changes 300`, `--traces 4` starts to measure traces (0 for none),
 * `--page 20` loads of each of the page's views (0 for none), `--insight 1` starts to measure
 * explanations and scrapes (0 for none), `--against DIR` another checkout of weir to compare these
 * with, `--only load,flows,traces,page,insight` parts, `--json bench.json`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Links } from "../../host/capabilities/link.ts";
import { NetworkNamespace, withNamespaceRights } from "../../host/capabilities/namespace.ts";
import deno from "../../deno.json" with { type: "json" };
import { formatTable } from "../../host/cli/style.ts";
import { loadPlugin } from "../../host/sandbox/code.ts";
import { CHROMIUM } from "../page/browser.ts";
import { measureReconciliation, type Reconciliation } from "./conntrack.ts";
import { measure, type Measurement } from "./measure.ts";
import { type InsightMeasurement, measureInsight } from "./insight.ts";
import { insightTable, insightTargets } from "./insight_report.ts";
import { measurePage, type PageMeasurement, pageTable, pageTargets } from "./page.ts";
import { flowTargets, table, targets } from "./report.ts";
import { measureTraces, type TracesMeasurement, traceTargets } from "./traces.ts";

/** What can be measured. */
const PARTS: readonly string[] = ["load", "flows", "traces", "page", "insight"];

/** Tracked flows of a busy node. */
const FLOWS = 100_000;

/** weir as `deno task weir` runs it, without a shell in between. */
function weirCommand(): readonly string[] {
  const [, ...words] = deno.tasks.weir.command
    .replace("$(deno eval -p 'Deno.execPath()')", Deno.execPath())
    .split(" ");
  return [Deno.execPath(), ...words];
}

/** weir with untraced.ts in the place of what records syncs. */
function unrecordedCommand(): readonly string[] {
  const home = new URL("../../", import.meta.url);
  const address = (path: string) => new URL(path, home).href;
  const imports = Object.fromEntries(
    Object.entries(deno.imports).map(([name, target]) => [
      name,
      target.startsWith("./") ? address(target) : target,
    ]),
  );
  const [program = "", run = "", ...words] = weirCommand();
  const map = {
    imports: {
      ...imports,
      [address("host/telemetry/running_tracing.ts")]: address("tests/bench/untraced.ts"),
    },
  };
  const data = `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
  return [program, run, `--import-map=${data}`, ...words];
}

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    "sizes": { type: "string", default: "1000,5000,10000" },
    "endpoints": { type: "string", default: "10" },
    "mixed": { type: "string", default: "10000" },
    "changes": { type: "string", default: "300" },
    "traces": { type: "string", default: "4" },
    "page": { type: "string", default: "20" },
    "insight": { type: "string", default: "1" },
    "against": { type: "string", default: "" },
    "only": { type: "string", default: PARTS.join(",") },
    "json": { type: "string", default: "bench.json" },
    "inside": { type: "boolean", default: false },
  },
});

/** What is compared in looking inside: this checkout, and another if one is given. */
function insightSubjects(): Readonly<Record<string, readonly string[]>> {
  if (options.against === "") return { weir: weirCommand() };
  return { weir: weirCommand(), other: ["env", "-C", options.against, ...weirCommand()] };
}

/**
 * Fills the caches, as an image has them filled: bundles the plugins that are measured, which takes
 * the bundler's package and a network for it, and has Deno compile weir. The start that compiles
 * keeps 10 MB more for itself.
 */
async function fillCaches(): Promise<void> {
  const [program = "", ...args] = [...weirCommand(), "--version"];
  await new Deno.Command(program, { args, stdout: "null" }).spawn().status;
  const home = new URL("../../", import.meta.url);
  const cache = new URL(".weir/plugins/", home);
  for (const folder of ["proxier-nftables", "detect-cluster-cidr"]) {
    const reference = new URL(`plugins/${folder}/plugin.ts`, home).href;
    await loadPlugin(reference, { deno: Deno.execPath(), home, cache, base: home, fetch });
  }
}

/** Runs this program once more, inside a network namespace. */
async function outside(): Promise<number> {
  await fillCaches();
  const self = [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-read",
    // Chromium's profile, and the page: playwright-core asks what machine this is.
    `--allow-write=${options.json},/tmp`,
    "--allow-net=localhost",
    "--allow-env",
    "--allow-sys",
    "--allow-ffi",
    `--allow-run=${Deno.execPath()},nft,nsenter,chromium`,
    import.meta.url,
    "--inside",
    ...Deno.args,
  ];
  const [program = "", ...args] = await withNamespaceRights(["unshare", "--net", "--", ...self]);
  return (await new Deno.Command(program, { args }).spawn().status).code;
}

function progress(text: string): void {
  if (Deno.stderr.isTerminal()) {
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  } else console.error(text);
}

/** Three nodes whose loopback is up. */
function tracedNodes(): Disposable & {
  readonly unrecorded: NetworkNamespace;
  readonly off: NetworkNamespace;
  readonly on: NetworkNamespace;
} {
  using stack = new DisposableStack();
  const [unrecorded, off, on] = ["unrecorded", "off", "on"].map((name) => {
    const node = stack.use(NetworkNamespace.create(name));
    using links = new Links(node);
    links.up("lo");
    return node;
  });
  if (unrecorded === undefined || off === undefined || on === undefined) {
    throw new Error("three names make three nodes");
  }
  const running = stack.move();
  return { unrecorded, off, on, [Symbol.dispose]: () => running.dispose() };
}

/** The parts that are measured. */
const MEASURED = new Set(options.only.split(","));
for (const part of MEASURED) {
  if (PARTS.includes(part)) continue;
  throw new Error(`Cannot measure "${part}": the parts are ${PARTS.join(", ")}`);
}

/** Without Chromium the other parts are still worth their time. */
async function hasChromium(): Promise<boolean> {
  const found = await Deno.stat(CHROMIUM).then(() => true, () => false);
  if (!found) console.error(`The page is not measured: there is no ${CHROMIUM}`);
  return found;
}

async function measureLoads(): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const endpoints = Number(options.endpoints);
  const plans = [
    ...options.sizes.split(",").map((size) => ({ services: Number(size), endpoints })),
    { services: Number(options.mixed), endpoints: 0 },
  ].filter(({ services }) => services > 0 && MEASURED.has("load"));
  for (const plan of plans) {
    const mixed = plan.endpoints === 0;
    measurements.push(
      await measure({
        ...plan,
        loads: 4,
        changes: Number(options.changes),
        upstreamLoads: mixed ? 0 : 3,
        weir: weirCommand(),
        progress: (step) => progress(`${plan.services}${mixed ? " mixed" : ""} Services: ${step}`),
      }),
    );
  }
  return measurements;
}

async function measureFlows(): Promise<Reconciliation[]> {
  const flows: Reconciliation[] = [];
  for (let round = 0; round < (MEASURED.has("flows") ? 5 : 0); round++) {
    progress(`${FLOWS} tracked flows are reconciled`);
    using node = NetworkNamespace.create("node");
    // A promise must not leave the namespace, so it is begun inside.
    const { measuring } = node.inside(() => ({ measuring: measureReconciliation(FLOWS, 10) }));
    flows.push(await measuring);
  }
  return flows;
}

async function measureTracing(): Promise<TracesMeasurement | undefined> {
  const rounds = MEASURED.has("traces") ? Number(options.traces) : 0;
  if (rounds === 0) return undefined;
  using nodes = tracedNodes();
  return await measureTraces({
    services: 1_000,
    rounds,
    changes: Number(options.changes),
    weir: weirCommand(),
    unrecorded: unrecordedCommand(),
    places: {
      unrecorded: (command) => nodes.unrecorded.command(command),
      off: (command) => nodes.off.command(command),
      on: (command) => nodes.on.command(command),
    },
    progress,
  });
}

async function measureViews(): Promise<PageMeasurement | undefined> {
  const loads = MEASURED.has("page") && await hasChromium() ? Number(options.page) : 0;
  if (loads === 0) return undefined;
  return await measurePage({
    services: 10_000,
    loads,
    changes: Number(options.changes),
    weir: weirCommand(),
    progress,
  });
}

async function measureLooks(): Promise<InsightMeasurement | undefined> {
  const starts = MEASURED.has("insight") ? Number(options.insight) : 0;
  if (starts === 0) return undefined;
  return await measureInsight({
    services: 10_000,
    rounds: starts,
    questions: 50,
    scrapes: 4,
    flows: 20_000,
    subjects: insightSubjects(),
    progress,
  });
}

async function inside(): Promise<number> {
  using namespace = NetworkNamespace.own();
  using links = new Links(namespace);
  links.up("lo");
  const measurements = await measureLoads();
  const flows = await measureFlows();
  const traces = await measureTracing();
  const page = await measureViews();
  const insight = await measureLooks();
  if (Deno.stderr.isTerminal()) console.error();
  const goals = [
    ...targets(measurements),
    ...flowTargets(flows),
    ...(traces === undefined ? [] : traceTargets(traces)),
    ...(page === undefined ? [] : pageTargets(page)),
    ...(insight === undefined ? [] : insightTargets(insight)),
  ];
  if (measurements.length > 0) console.log(`${table(measurements).trimEnd()}\n`);
  if (page !== undefined) console.log(`${pageTable(page).trimEnd()}\n`);
  if (insight !== undefined) console.log(`${insightTable(insight).trimEnd()}\n`);
  console.log(
    formatTable(
      goals.map(({ name, wanted, found, met }) => [met ? "met" : "missed", name, found, wanted]),
      { indent: 2, right: [2] },
    ).trimEnd(),
  );
  const machine = { kernel: Deno.osRelease(), cpus: navigator.hardwareConcurrency };
  const report = {
    at: new Date().toISOString(),
    machine,
    measurements,
    flows,
    traces,
    page,
    insight,
    targets: goals,
  };
  await Deno.writeTextFile(options.json, JSON.stringify(report, null, 2) + "\n");
  return 0;
}

Deno.exit(await (options.inside ? inside() : outside()));
