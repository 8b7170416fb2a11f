/**
 * The page in the browser: how soon it shows something, and what it costs a weir at which people
 * look.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { formatTable } from "../../host/cli/style.ts";
import { readSystemFile } from "../../host/capabilities/system_file.ts";
import { startBrowser } from "../page/browser.ts";
import { memoryOfTree } from "./memory.ts";
import { loadViews, type PageLoads, type PageView } from "./page_loads.ts";
import { PageReaders } from "./page_readers.ts";
import type { Target } from "./report.ts";
import { quantile } from "./statistics.ts";
import { type LineProcess, startApiServer, startWeir } from "./subject.ts";

/** What is measured how often. */
export interface PagePlan {
  readonly services: number;
  /** Loads of each view. */
  readonly loads: number;
  /** Changes of one endpoint, with readers and as many without. */
  readonly changes: number;
  /** The command that runs weir. */
  readonly weir: readonly string[];
  /** Told what is being done. */
  readonly progress: (step: string) => void;
}

/** What came out; times in milliseconds, memory in bytes of the host's PSS. */
export interface PageMeasurement {
  readonly services: number;
  readonly loads: readonly PageLoads[];
  /** Of each change, while nobody looks. */
  readonly unseen: readonly number[];
  /** Of each change, while {@linkcode READERS} look. */
  readonly seen: readonly number[];
  /** How often a reader asked for its view meanwhile. */
  readonly looks: number;
  readonly memory: {
    /** Nobody has ever looked. */
    readonly before: number;
    /** One view was looked at. */
    readonly first: number;
    /** All is over. */
    readonly after: number;
    /** Garbage was collected, as weir does by itself a minute after the last look. */
    readonly collected: number;
  };
  /** How often a second the host's first thread wakes up, while nothing changes. */
  readonly wakeups: {
    /** Nobody has ever looked. */
    readonly before: number;
    /** One page is open. */
    readonly open: number;
    /** It is closed again. */
    readonly after: number;
  };
}

/** Where weir's metrics port is, by its defaults. */
const ORIGIN = "http://localhost:10249";
/** Pages that are open at the same time. */
const READERS = 20;
/** Changes between two turns of readers coming and going. */
const TURN = 30;
/** Milliseconds in which wakeups are counted. */
const WATCH_MS = 2_000;
/** Milliseconds until V8 and the allocator have given back what they do not need. */
const SETTLE_MS = 4_000;

/** What Chromium takes for a line of plain text from the same server. */
const FLOOR: PageView = { name: "plain text of the same port", path: "/proxyMode" };

/** All views, of the bench's cluster. */
async function views(services: number): Promise<readonly PageView[]> {
  const pages = Math.ceil(services / 50);
  const { traces } = await (await fetch(`${ORIGIN}/debug/traces`)).json();
  return [
    FLOOR,
    { name: "overview", path: "/" },
    { name: "Services, first page", path: "/services" },
    { name: "Services, middle page", path: `/services?page=${Math.ceil(pages / 2)}` },
    { name: "Services, last page", path: `/services?page=${pages}` },
    { name: "Services, 1 found", path: "/services?q=service-00042" },
    { name: "Services, 1,000 found", path: "/services?q=service-03" },
    { name: "Services, none found", path: "/services?q=nobody" },
    { name: "Services, by an endpoint", path: "/services?q=10.0.99.7" },
    { name: "Services, without endpoints", path: "/services?unserved=1" },
    { name: "a Service", path: "/services/bench-2/service-00042" },
    { name: "syncs", path: "/syncs" },
    { name: "one sync", path: `/syncs/${traces[0].traceId}` },
    { name: "plugins", path: "/plugins" },
    { name: "flame graph", path: "/profile?of=weir" },
  ];
}

/** One change, from the watch event's write to the acknowledgement. */
async function change(
  server: LineProcess,
  weir: LineProcess,
  service: number,
  more: number,
): Promise<number> {
  await server.say(JSON.stringify({ service, more, replaced: -1 }));
  const [{ at }, synced] = await Promise.all([
    server.line().then(({ line }) => JSON.parse(line)),
    weir.line((line) => line.includes('"Synced" kind="partial"')),
  ]);
  await sleep(15);
  return synced.at - at;
}

function hostMemory(pid: number): number {
  return memoryOfTree(pid)[0]?.pss ?? NaN;
}

/** The first thread runs JavaScript and its timers; it waits for nothing else. */
async function wakeups(pid: number): Promise<number> {
  const count = () =>
    Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readSystemFile(`/proc/${pid}/status`))?.[1]);
  const before = count();
  await sleep(WATCH_MS);
  return (count() - before) / (WATCH_MS / 1_000);
}

/**
 * Measures.
 *
 * @param plan What and how often.
 * @returns The samples.
 */
export async function measurePage(plan: PagePlan): Promise<PageMeasurement> {
  const { services, progress } = plan;
  progress("the page's cluster gets ready");
  const api = await startApiServer(services, 10);
  await using server = api.process;
  await using weir = startWeir(api.url, [...plan.weir, "--profiling"]);
  await weir.line((line) => line.includes('"Synced" kind="full"'));
  progress("weir settles");
  // First one endpoint more in a Service, then as before.
  const moreOrLess = (index: number) =>
    change(server, weir, Math.floor(index / 2) * 7919 % services, (index + 1) % 2);
  // As many syncs as are kept, so that every view has all that it can have.
  for (let index = 0; index < 260; index++) {
    await moreOrLess(index);
  }
  await (await fetch(`${ORIGIN}/debug/pprof/profile?seconds=1`)).arrayBuffer();
  await sleep(SETTLE_MS);
  const before = hostMemory(weir.pid);
  const calm = await wakeups(weir.pid);
  const profiled = fetch(`${ORIGIN}/debug/pprof/profile?seconds=2`);
  await (await fetch(ORIGIN)).arrayBuffer();
  await (await profiled).arrayBuffer();
  const first = hostMemory(weir.pid);

  const browser = await startBrowser();
  const loads = await loadViews(browser, ORIGIN, await views(services), plan.loads, progress);
  await browser.close();

  const unseen: number[] = [];
  const seen: number[] = [];
  let looks = 0;
  const paths = ["/", "/services", "/services/bench-2/service-00042", "/syncs"];
  for (let turn = 0; turn * TURN < plan.changes; turn++) {
    progress(`changes while ${READERS} people look, ${turn * TURN} of ${plan.changes}`);
    const some = async (samples: number[]) => {
      for (let index = 0; index < TURN; index++) samples.push(await moreOrLess(index));
    };
    await some(unseen);
    await using readers = new PageReaders(
      ORIGIN,
      Array.from({ length: READERS }, (_, at) => paths[at % paths.length] ?? "/"),
    );
    await sleep(200);
    if (readers.listening === 0) throw new Error('Cannot measure "readers": none is told of news');
    await some(seen);
    looks += readers.looks;
  }
  progress("weir settles");
  const open = await (async () => {
    await using _reader = new PageReaders(ORIGIN, ["/"]);
    await sleep(1_000);
    return await wakeups(weir.pid);
  })();
  await sleep(1_000);
  const after = await wakeups(weir.pid);
  const left = hostMemory(weir.pid);
  await (await fetch(`${ORIGIN}/debug/pprof/heap?gc=1`)).arrayBuffer();
  await sleep(SETTLE_MS);
  return {
    services,
    loads,
    unseen,
    seen,
    looks,
    memory: { before, first, after: left, collected: hostMemory(weir.pid) },
    wakeups: { before: calm, open, after },
  };
}

/** The least is what is nearest to a machine that has nothing else to do. */
function told(samples: readonly number[], quantiles: readonly number[] = [0.5, 0.99]): string {
  return quantiles.map((q) => quantile(samples, q))
    .map((value) => value.toFixed(value < 10 ? 1 : 0)).join(" / ");
}

/**
 * The table of views.
 *
 * @param measured The samples.
 * @returns Lines.
 */
export function pageTable({ loads, services }: PageMeasurement): string {
  const rows = [
    [
      `the page at ${services} Services`,
      "first byte p50 / p99 (ms)",
      "whole (ms)",
      "KB",
      "elements",
      "first contentful paint, least / p50 / p99 (ms)",
    ],
    ...loads.map(({ view, firstByte, whole, bytes, elements, painted }) => [
      view.name,
      told(firstByte),
      told(whole),
      (bytes / 1_000).toFixed(1),
      String(elements),
      told(painted, [0, 0.5, 0.99]),
    ]),
  ];
  return formatTable(rows, { indent: 2, right: [1, 2, 3, 4, 5] });
}

/**
 * Compares with the targets.
 *
 * @param measured The samples.
 * @returns Each target, met or not.
 */
export function pageTargets(
  { loads, unseen, seen, looks, memory, wakeups, services }: PageMeasurement,
): Target[] {
  const own = loads.filter(({ view }) => view !== FLOOR);
  const slowest = (q: number) =>
    own.map(({ view, painted }) => ({ name: view.name, value: quantile(painted, q) }))
      .reduce((one, other) => one.value >= other.value ? one : other);
  const paints = [0.5, 0.99].map((q) => {
    const { name, value } = slowest(q);
    return {
      name: `first content at ${services} Services, p${q * 100} of the slowest view (${name})`,
      wanted: "< 300 ms",
      found: value.toFixed(0),
      met: value < 300,
    };
  });
  const ratio = quantile(seen, 0.5) / quantile(unseen, 0.5);
  const late = quantile(seen, 0.99) - quantile(unseen, 0.99);
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  const idle = wakeups.after - wakeups.before;
  return [
    ...paints,
    {
      name: `one change while ${READERS} people look (${looks} looks) / while nobody does, p50`,
      wanted: "≤ 1.3",
      found: `${ratio.toFixed(2)}; p99 ${late.toFixed(1)} ms more`,
      met: ratio <= 1.3,
    },
    {
      name:
        `memory once who looked has gone (before the first look ${megabytes(memory.before)} MB, ` +
        `after it ${megabytes(memory.first)}, at the end ${megabytes(memory.after)})`,
      wanted: "≤ 25 MB more",
      found: `${megabytes(memory.collected)} MB`,
      met: memory.collected - memory.before <= 25e6,
    },
    {
      name: `wakeups a second when nobody looks any more (before ${wakeups.before}, ` +
        `with a page open ${wakeups.open})`,
      wanted: "as before ± 2",
      found: String(wakeups.after),
      met: Math.abs(idle) <= 2,
    },
  ];
}
