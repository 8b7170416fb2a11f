/**
 * The stage: the cluster's namespaces and the programs in them.
 *
 * @module
 */
import { join } from "node:path";
import * as v from "valibot";
import { boundToParent, startProgram } from "../capabilities/program.ts";
import { Agent } from "./agent.ts";
import { CLIENT, Cluster, CLUSTER_CIDRS, NODE_NAME } from "./cluster.ts";
import { Endpoints, readService, replaceFile } from "./manifest_folder.ts";
import type { StageOptions } from "./message.ts";
import { PAGES, pageSocket } from "./page.ts";
import type { Scene } from "./story.ts";

/** The part of /healthz that is there once a sync has ended well; before, all is well too. */
const SyncedSchema = v.looseObject({ status: v.record(v.string(), v.unknown()) });

function hasSynced(page: string): boolean {
  return v.safeParse(v.pipe(v.string(), v.parseJson(), SyncedSchema), page).success;
}

/** Milliseconds until weir must be healthy, and between two looks. */
const HEALTHY_MS = 30_000;
const LOOK_MS = 50;
/** Milliseconds for a program to end in good order. */
const END_MS = 2_000;
const LOG_LINES = 40;

/** A program that has ended although the story needed it. */
export class ProgramEnded extends Error {
  override readonly name = "ProgramEnded";
  /** The last lines it wrote to its standard error. */
  readonly log: readonly string[];

  /**
   * @param program Its name.
   * @param code Its exit code, 0–255.
   * @param log The last lines it wrote to its standard error.
   */
  constructor(program: string, code: number, log: readonly string[]) {
    super(`Cannot go on without ${program}: it ended with code ${code}`);
    this.log = log;
  }
}

async function keepTail(stream: ReadableStream<Uint8Array>, tail: string[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    tail.push(...lines);
    tail.splice(0, Math.max(0, tail.length - LOG_LINES));
  }
  if (rest !== "") tail.push(rest);
}

async function end(program: Deno.ChildProcess, signal: Deno.Signal): Promise<void> {
  const kill = (name: Deno.Signal) => {
    try {
      program.kill(name);
    } catch (thrown) {
      // It has ended by itself.
      if (!(thrown instanceof Deno.errors.NotFound) && !(thrown instanceof TypeError)) throw thrown;
    }
  };
  const timer = setTimeout(() => kill("SIGKILL"), END_MS);
  kill(signal);
  await program.status;
  clearTimeout(timer);
}

/** The stage, with everything on it. */
export class Stage implements Scene {
  readonly #options: StageOptions;
  readonly #cluster: Cluster;
  readonly #endpoints: Endpoints;
  readonly #backends = new Map<string, Deno.ChildProcess>();
  readonly #agents: Deno.ChildProcess[] = [];
  readonly #lost = Promise.withResolvers<never>();
  #weir: Deno.ChildProcess | undefined;
  #closing = false;
  /** The Service with endpoints. */
  readonly echo: Scene["echo"];
  /** The Service without any. */
  readonly empty: Scene["empty"];
  /** Connects from the client's pod. */
  readonly client: Agent;
  /** Connects from the node. */
  readonly node: Agent;

  private constructor(
    options: StageOptions,
    cluster: Cluster,
    endpoints: Endpoints,
    services: Pick<Scene, "echo" | "empty">,
  ) {
    this.#options = options;
    this.#cluster = cluster;
    this.#endpoints = endpoints;
    this.echo = services.echo;
    this.empty = services.empty;
    // Whoever plays a story waits for it; nobody need.
    this.#lost.promise.catch(() => {});
    this.client = this.#startAgent("client", cluster.pod(CLIENT.name), []);
    this.node = this.#startAgent("node", cluster.node, [
      `--allow-read=${options.folder}`,
      `--allow-write=${options.folder}`,
    ]);
  }

  /**
   * Builds the namespaces, copies the manifests and starts the pods' programs.
   *
   * @param options Folders and commands.
   * @returns The stage, with all programs listening but weir.
   * @throws {WeirError} WEIR_NAMESPACE or WEIR_NETLINK when the kernel refuses.
   * @throws {ProgramEnded} When a program ends at once.
   */
  static async open(options: StageOptions): Promise<Stage> {
    const read = (name: string) => Deno.readTextFile(join(options.manifests, name));
    const endpoints = new Endpoints(await read("echo-endpoints.yaml"));
    const services = {
      echo: readService(await read("echo.yaml")),
      empty: readService(await read("empty.yaml")),
    };
    const folder = join(options.folder, "manifests");
    await Deno.mkdir(folder);
    for await (const { name } of Deno.readDir(options.manifests)) {
      if (name.endsWith(".yaml")) await Deno.writeTextFile(join(folder, name), await read(name));
    }
    const cluster = new Cluster([CLIENT, ...endpoints.pods]);
    const stage = new Stage(options, cluster, endpoints, services);
    try {
      await stage.#ready();
      return stage;
    } catch (fault) {
      await stage.close();
      throw fault;
    }
  }

  async #ready(): Promise<void> {
    const ready = this.#endpoints.pods.filter((pod) => pod.ready);
    const { folder } = this.#options;
    await this.unlessLost(Promise.all([
      this.client.ready(),
      this.node.ready().then(() => this.node.bridge(pageSocket(folder, "healthz"), PAGES.healthz))
        .then(() => this.node.bridge(pageSocket(folder, "metrics"), PAGES.metrics)),
      ...ready.map(({ name }) => this.startPod(name)),
    ]));
  }

  /** The Service's pods. */
  get pods(): Scene["pods"] {
    return this.#endpoints.pods;
  }

  /**
   * Waits for something as long as all programs run.
   *
   * @param work What to wait for.
   * @returns What it settles with.
   * @throws {ProgramEnded} When weir or an agent ends.
   */
  async unlessLost<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#lost.promise]);
  }

  /** Reports a program's end unless the stage ended it. */
  #watch(name: string, program: Deno.ChildProcess, log: readonly string[], last: Promise<void>) {
    void Promise.all([program.status, last]).then(([{ code }]) => {
      if (!this.#closing) this.#lost.reject(new ProgramEnded(name, code, log));
    });
  }

  #deno(program: string, permissions: readonly string[], args: readonly string[]) {
    const path = new URL(program, import.meta.url).pathname;
    const options = ["--quiet", "--no-prompt", "--cached-only", ...permissions];
    return boundToParent([this.#options.deno, "run", ...options, path, ...args]);
  }

  #startAgent(name: string, place: Cluster["node"], permissions: readonly string[]): Agent {
    const allowed = ["--allow-net", "--allow-ffi", ...permissions];
    const command = place.command(this.#deno("agent_child.ts", allowed, []));
    const process = startProgram(command, {
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      session: "shared",
    });
    const log: string[] = [];
    this.#agents.push(process);
    this.#watch(`the ${name}'s agent`, process, log, keepTail(process.stderr, log));
    return new Agent(name, process);
  }

  /**
   * Starts a pod's backend unless it runs.
   *
   * @param name The pod's.
   * @returns Settles when it listens.
   * @throws {ProgramEnded} When it cannot.
   */
  async startPod(name: string): Promise<void> {
    if (this.#backends.has(name)) return;
    const pod = this.pods.find((candidate) => candidate.name === name);
    const args = [name, String(this.#endpoints.port), ...pod?.addresses ?? []];
    const command = this.#deno("backend_child.ts", ["--allow-net"], args);
    const process = startProgram(this.#cluster.pod(name).command(command), {
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      session: "shared",
    });
    this.#backends.set(name, process);
    const log: string[] = [];
    const last = keepTail(process.stderr, log);
    const reader = process.stdout.getReader();
    // It says one word when it listens, and nothing if it cannot.
    const { done } = await reader.read();
    if (!done) return;
    await last;
    throw new ProgramEnded(`pod ${name}`, (await process.status).code, log);
  }

  /**
   * Ends a pod's backend, if it runs.
   *
   * @param name The pod's.
   * @returns Settles when it has ended.
   */
  async stopPod(name: string): Promise<void> {
    const process = this.#backends.get(name);
    if (process === undefined) return;
    this.#backends.delete(name);
    await process.stdin.close().catch(() => {});
    await end(process, "SIGTERM");
  }

  /**
   * Makes exactly these pods the Service's endpoints.
   *
   * @param names The pods'.
   * @returns Settles when the manifest is replaced.
   */
  async scale(names: readonly string[]): Promise<void> {
    const { folder } = this.#options;
    const path = join(folder, "manifests", "echo-endpoints.yaml");
    await replaceFile(path, join(folder, "draft"), this.#endpoints.scaled(names));
  }

  /**
   * Starts weir on the node.
   *
   * @returns Settles when it says that it is healthy and has synced.
   * @throws {ProgramEnded} When it ends instead.
   * @throws {Error} When it is not healthy after 30 s.
   */
  async startWeir(): Promise<void> {
    const { weir, folder } = this.#options;
    const command = this.#cluster.node.command(boundToParent([
      ...weir,
      `--manifests=${join(folder, "manifests")}`,
      `--hostname-override=${NODE_NAME}`,
      `--cluster-cidr=${CLUSTER_CIDRS.join(",")}`,
      `--healthz-bind-address=127.0.0.1:${PAGES.healthz}`,
      `--metrics-bind-address=127.0.0.1:${PAGES.metrics}`,
    ]));
    const process = startProgram(command, {
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      session: "shared",
    });
    this.#weir = process;
    const log: string[] = [];
    this.#watch("weir", process, log, keepTail(process.stderr, log));
    await this.unlessLost(this.#untilHealthy(log));
  }

  async #untilHealthy(log: readonly string[]): Promise<void> {
    const url = `http://127.0.0.1:${PAGES.healthz}/healthz`;
    const deadline = performance.now() + HEALTHY_MS;
    let last = "";
    while (performance.now() < deadline) {
      // Until weir listens, and between listening and its first sync, this is as it should be.
      const page = await this.node.get(url).catch((thrown) => String(thrown));
      if (typeof page === "string") last = page;
      else if (page.status !== 200) last = `it answers ${page.status}`;
      else if (hasSynced(page.text)) return;
      else last = "it has not synced yet";
      await new Promise((resume) => setTimeout(resume, LOOK_MS));
    }
    const said = log.length === 0 ? "" : `\n${log.join("\n")}`;
    throw new Error(
      `Cannot see weir healthy at "${url}" within ${HEALTHY_MS / 1_000} s: ${last}${said}`,
    );
  }

  /** Ends every program and lets go of the namespaces. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#weir !== undefined) await end(this.#weir, "SIGTERM");
    await Promise.all([...this.#backends.keys()].map((name) => this.stopPod(name)));
    await Promise.all(this.#agents.map((agent) => end(agent, "SIGKILL")));
    this.#cluster[Symbol.dispose]();
  }
}
