/**
 * What it costs to look inside: explanations, and scrapes with a series for each Service. weir, and
 * if there is one another checkout of it beside, are asked in turns, so that what else the machine
 * does harms both alike.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { trackFlows } from "../../host/capabilities/conntrack/sample.ts";
import { Links } from "../../host/capabilities/link.ts";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { readSystemFile, writeSystemFile } from "../../host/capabilities/system_file.ts";
import { benchCluster, type BenchService, LARGE } from "./cluster.ts";
import { memoryOfTree, processTree } from "./memory.ts";
import { LineProcess, type Place, startApiServer, startWeir } from "./subject.ts";

/** What is measured how often. */
export interface InsightPlan {
  readonly services: number;
  /** Starts, each with and without counting. */
  readonly rounds: number;
  /** Questions of each kind in each start. */
  readonly questions: number;
  /** Scrapes in each start that counts. */
  readonly scrapes: number;
  /** Tracked flows, which explanations look through. */
  readonly flows: number;
  /** The commands that run weir, by the names of what is compared. */
  readonly subjects: Readonly<Record<string, readonly string[]>>;
  /** Told what is being done. */
  readonly progress: (step: string) => void;
}

/** The kinds of questions. */
export const QUESTIONS = ["service", "address", "connection"] as const;

/** What came out of one start or several; times in milliseconds, memory in bytes. */
export interface InsightSide {
  /** The first question after the first sync. */
  readonly first: number[];
  readonly service: number[];
  readonly address: number[];
  readonly connection: number[];
  /** CPU time of all of weir's processes for one question, on average of a start. */
  readonly questionCpu: number[];
  /** Scrapes; without counting, of what there is then. */
  readonly scrapes: number[];
  /** CPU time of all of weir's processes for one scrape, on average of a start. */
  readonly scrapeCpu: number[];
  /** Changes of one endpoint, from the write of the watch event, while nobody scrapes. */
  readonly quietChanges: number[];
  /** The same, begun while a scrape is answered. */
  readonly scrapedChanges: number[];
  /** Explanations of a Service with a thousand ports and a hundred endpoints each. */
  readonly large: number[];
  /** Changes of one endpoint while nobody asks for it. */
  readonly unaskedChanges: number[];
  /** The same, begun while it is explained. */
  readonly askedChanges: number[];
  /** The same, while it is explained to four at a time. */
  readonly besiegedChanges: number[];
  /** PSS of all processes once the first sync is over, before anybody asks. */
  readonly settled: number[];
  /** The same after all questions and scrapes. */
  readonly after: number[];
  /** The most resident bytes of the host during scrapes. */
  readonly peak: number[];
}

/** By the name of what is compared, without counting and with. */
export type InsightMeasurement = Readonly<
  Record<string, { readonly plain: InsightSide; readonly counted: InsightSide }>
>;

/** Services of which some traffic was counted: a node uses a part of a large cluster. */
const USED = 2_000;

/** Milliseconds for which weir answers scrapes from one reading. */
const FRESH_MS = 1_000;

function newSide(): InsightSide {
  return {
    first: [],
    service: [],
    address: [],
    connection: [],
    questionCpu: [],
    scrapes: [],
    scrapeCpu: [],
    quietChanges: [],
    scrapedChanges: [],
    large: [],
    unaskedChanges: [],
    askedChanges: [],
    besiegedChanges: [],
    settled: [],
    after: [],
    peak: [],
  };
}

/** A network namespace in which every pod's address is local, so that connections are refused. */
function newNode(name: string): NetworkNamespace {
  const node = NetworkNamespace.create(name);
  using links = new Links(node);
  links.up("lo");
  // The kernel takes a whole prefix of the loopback device for its own.
  links.addAddress("lo", "10.127.255.254/9");
  links.addRoute({ to: "172.16.0.0/12", link: "lo" });
  return node;
}

/** weir on an API server of its own, and somebody who asks, in one namespace. */
class Node implements AsyncDisposable {
  readonly #server: LineProcess;
  readonly #weir: LineProcess;
  readonly #client: LineProcess;

  private constructor(server: LineProcess, weir: LineProcess, client: LineProcess) {
    this.#server = server;
    this.#weir = weir;
    this.#client = client;
  }

  static async start(services: number, weir: readonly string[], place: Place): Promise<Node> {
    const child = new URL("client_child.ts", import.meta.url).pathname;
    const command = [Deno.execPath(), "run", "--quiet", "--allow-net", child];
    const client = new LineProcess(place(command), "stdout");
    const { url, process } = await startApiServer(services, 10, place);
    const running = startWeir(url, weir, place);
    await running.line((line) => line.includes('"Synced" kind="full"'));
    return new Node(process, running, client);
  }

  async get(path: string): Promise<number> {
    await this.#client.say(JSON.stringify({ get: path }));
    return JSON.parse((await this.#client.line()).line).milliseconds;
  }

  /** Asks as many times at once; returns what the slowest answer took. */
  async ask(path: string, times: number): Promise<number> {
    await this.#client.say(JSON.stringify({ get: path, times }));
    return JSON.parse((await this.#client.line()).line).milliseconds;
  }

  async connect(services: readonly BenchService[]): Promise<void> {
    const connect = services.map(({ clusterIP, port }) => ({ hostname: clusterIP, port }));
    await this.#client.say(JSON.stringify({ connect }));
    const { refused } = JSON.parse((await this.#client.line()).line);
    if (refused !== services.length) {
      throw new Error(`Cannot use "${services.length}" Services: ${refused} answered`);
    }
  }

  async change(service: number, more: number): Promise<number> {
    await this.#server.say(JSON.stringify({ service, more, replaced: -1 }));
    const [{ line }, synced] = await Promise.all([
      this.#server.line(),
      // Of one service port: a large Service may have been synced once more than was waited for.
      this.#weir.line((line) => /"Synced" kind="partial" .*\bupserts=1\b/.test(line)),
    ]);
    return synced.at - JSON.parse(line).at;
  }

  /** Has one Service more, which is large. */
  async addLarge(): Promise<void> {
    await this.#server.say(LARGE);
    await this.#server.line();
    await this.#weir.line((line) => line.includes('"Synced" kind="partial"'));
  }

  /** Bytes of PSS of all processes. */
  get memory(): number {
    return memoryOfTree(this.#weir.pid).reduce((sum, { pss }) => sum + pss, 0);
  }

  /** Forgets the peak of the host's resident set. Source: proc_pid_clear_refs(5). */
  resetPeak(): void {
    writeSystemFile(`/proc/${this.#weir.pid}/clear_refs`, "5");
  }

  /** The most bytes that the host was resident with. */
  get peak(): number {
    const status = readSystemFile(`/proc/${this.#weir.pid}/status`);
    return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]);
  }

  /** Milliseconds of CPU time of all processes, in steps of ten. */
  get cpu(): number {
    return processTree(this.#weir.pid).reduce((sum, pid) => {
      const [, rest = ""] = readSystemFile(`/proc/${pid}/stat`).split(") ");
      const fields = rest.split(" ");
      // utime and stime, in USER_HZ, which is 100 for every program.
      return sum + 10 * (Number(fields[11]) + Number(fields[12]));
    }, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#weir[Symbol.asyncDispose]();
    await this.#client[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** The path of a question about a Service. */
function question(kind: typeof QUESTIONS[number], { namespace, name, ...of }: BenchService) {
  const to = `${of.clusterIP}:${of.port}`;
  switch (kind) {
    case "service":
      return `/debug/explain?service=${namespace}/${name}`;
    case "address":
      return `/debug/explain?to=${to}`;
    case "connection":
      return `/debug/explain?to=${to}&protocol=TCP&from=10.1.2.3:40312`;
  }
}

type Running = readonly { readonly node: Node; readonly side: InsightSide }[];

async function measureQuestions(
  running: Running,
  cluster: readonly BenchService[],
  questions: number,
): Promise<void> {
  const nth = (index: number) => {
    const found = cluster[index * 7919 % cluster.length];
    if (found === undefined) throw new Error("a cluster has Services");
    return found;
  };
  for (const { node, side } of running) {
    side.first.push(await node.get(question("service", nth(1))));
  }
  const before = running.map(({ node }) => node.cpu);
  for (let index = 0; index < questions; index++) {
    for (const kind of QUESTIONS) {
      for (const { node, side } of running) {
        side[kind].push(await node.get(question(kind, nth(index))));
      }
    }
  }
  for (const [index, { node, side }] of running.entries()) {
    side.questionCpu.push((node.cpu - (before[index] ?? NaN)) / questions / QUESTIONS.length);
  }
}

async function measureScrapes(running: Running, scrapes: number): Promise<void> {
  // The first one compiles what it needs.
  for (const { node } of running) await node.get("/metrics");
  const before = running.map(({ node }) => node.cpu);
  running.forEach(({ node }) => node.resetPeak());
  for (let index = 0; index < scrapes; index++) {
    await sleep(FRESH_MS);
    for (const { node, side } of running) side.scrapes.push(await node.get("/metrics"));
  }
  for (const [index, { node, side }] of running.entries()) {
    side.scrapeCpu.push((node.cpu - (before[index] ?? NaN)) / scrapes);
    side.peak.push(node.peak);
  }
}

async function measureChanges(running: Running, scrapes: number): Promise<void> {
  for (let index = 0; index < 2 * scrapes; index++) {
    const service = Math.floor(index / 2) * 7919 % 1_000;
    for (const { node, side } of running) {
      side.quietChanges.push(await node.change(service, (index + 1) % 2));
      await sleep(10);
    }
    await sleep(FRESH_MS / 2);
    for (const { node, side } of running) {
      const scraped = node.get("/metrics");
      // At another moment of the scrape each time.
      await sleep(index * 13 % 60);
      side.scrapedChanges.push(await node.change(1_000 + service, (index + 1) % 2));
      await scraped;
    }
    await sleep(FRESH_MS / 2);
  }
}

/** Milliseconds within which a change is begun after a question. */
const WITHIN_MS = 250;

async function measureLarge(running: Running, changes: number): Promise<void> {
  const path = `/debug/explain?service=bench-${LARGE}/${LARGE}`;
  for (const { node } of running) await node.addLarge();
  // Its endpoints may come in a sync of their own.
  await sleep(5_000);
  for (const { node } of running) await node.get(path);
  for (let index = 0; index < 2 * changes; index++) {
    const service = 2_000 + Math.floor(index / 2) * 7919 % 1_000;
    const more = (index + 1) % 2;
    for (const { node, side } of running) {
      side.unaskedChanges.push(await node.change(service, more));
      for (const [into, asked] of [[side.askedChanges, 1], [side.besiegedChanges, 4]] as const) {
        const told = node.ask(path, asked);
        // At another moment of the answer each time.
        await sleep(index * 37 % WITHIN_MS);
        into.push(await node.change(service + asked * 1_000, more));
        const milliseconds = await told;
        if (asked === 1) side.large.push(milliseconds);
        await sleep(50);
      }
    }
  }
}

/** As many clients' flows to the Services' addresses. */
function* flowsTo(cluster: readonly BenchService[], count: number) {
  for (let index = 0; index < count; index++) {
    const { clusterIP, port, endpoints } = cluster[index % cluster.length] ?? {};
    const [endpoint] = endpoints ?? [];
    if (endpoint === undefined) continue;
    yield {
      protocol: "TCP",
      client: `10.${64 + (index >> 16)}.${index >> 8 & 255}.${index & 255}:4000`,
      destination: `${clusterIP}:${port}`,
      responder: `${endpoint.ip}:${endpoint.port}`,
    } as const;
  }
}

/**
 * Measures.
 *
 * @param plan What and how often.
 * @returns The samples.
 */
export async function measureInsight(plan: InsightPlan): Promise<InsightMeasurement> {
  const { services, subjects, progress } = plan;
  const cluster = benchCluster(services, 10);
  const found = Object.fromEntries(
    Object.keys(subjects).map((name) => [name, { plain: newSide(), counted: newSide() }]),
  );
  for (let round = 1; round <= plan.rounds; round++) {
    for (const mode of ["plain", "counted"] as const) {
      const step = `insight, ${mode}, ${round} of ${plan.rounds}: `;
      progress(`${step}weir loads`);
      await using stack = new AsyncDisposableStack();
      const running: { readonly node: Node; readonly side: InsightSide }[] = [];
      const flags = mode === "plain" ? [] : [`--per-service-metrics=${services}`];
      for (const [name, command] of Object.entries(subjects)) {
        const namespace = stack.use(newNode(name));
        // A promise must not leave the namespace, so it is begun inside.
        const { tracked } = namespace.inside(() => ({
          tracked: trackFlows(flowsTo(cluster, plan.flows)),
        }));
        await tracked;
        const place: Place = (command) => namespace.command(command);
        const node = stack.use(await Node.start(services, [...command, ...flags], place));
        const side = found[name]?.[mode];
        if (side !== undefined) running.push({ node, side });
      }
      await sleep(5_000);
      for (const { node, side } of running) side.settled.push(node.memory);
      progress(`${step}questions`);
      await measureQuestions(running, cluster, plan.questions);
      progress(`${step}scrapes`);
      for (const { node } of running) await node.connect(cluster.slice(0, USED));
      await measureScrapes(running, plan.scrapes);
      if (mode === "counted") await measureChanges(running, plan.scrapes);
      await sleep(2_000);
      for (const { node, side } of running) side.after.push(node.memory);
      progress(`${step}a large Service`);
      if (mode === "plain") await measureLarge(running, plan.scrapes);
    }
  }
  return found;
}
