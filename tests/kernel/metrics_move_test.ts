/**
 * Every metric moves when it should: each row of the metric table is moved by what a step of a scene
 * does to a real weir, or says in the table why nothing moves it.
 */
import assert from "node:assert/strict";
import { sampleNode, sampleService } from "../../host/samples.ts";
import type { MetricRow } from "../../host/telemetry/metric_row.ts";
import { METRICS } from "../../host/telemetry/metric_table.ts";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import { boundToParent } from "../../host/capabilities/program.ts";
import { Topology } from "../kit/packet/topology.ts";
import { reach, TARGET_PORT, web } from "./cluster.ts";
import { ConfigMap } from "./config_map.ts";
import { killHard, runs, signalOther, WeirProcess } from "./weir_process.ts";
import { NodeAgent } from "./node_agent.ts";
import { nft } from "./namespace_program.ts";
import { until } from "./patience.ts";
import { NODE_NAME } from "./program.ts";
import { Pages } from "./weir_pages.ts";
import { startOnManifests, type WeirOnManifests } from "./weir_on_manifests.ts";

type Key = keyof typeof METRICS;

/** What a scene has to act with. */
interface Stage {
  readonly topology: Topology;
  readonly agent: NodeAgent;
  readonly process: WeirProcess;
  readonly pages: Pages;
  /** Undefined where objects come from an API server. */
  readonly weir: WeirOnManifests | undefined;
  readonly config: ConfigMap;
}

/** Something that is done, and what it moves. */
interface Step {
  readonly does: string;
  readonly moves: readonly Key[];
  readonly act: (stage: Stage) => Promise<unknown>;
  /** It may have happened before anybody could look: then they have moved from nothing at all. */
  readonly early?: true;
}

/** One weir, and what is done to it in order. */
interface Scene {
  readonly name: string;
  readonly flags?: readonly string[];
  /** Of the environment, as `NAME=value`. */
  readonly variables?: readonly string[];
  /** Of the file of `--config`, which is given when there are some. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly apiServer?: true;
  /** Commands for an nft that owns what it makes, from before weir starts to the end. */
  readonly owned?: string;
  readonly steps: readonly Step[];
}

const UDP = { version: 4, transport: "udp" } as const;

function serving(stage: Stage): WeirOnManifests {
  assert.ok(stage.weir !== undefined);
  return stage.weir;
}

/** The Service, its slices changed just now. */
function changed(stage: Stage, from: number, fields: Partial<Service> = {}, local = true) {
  const lastChangeTriggerTime = new Date().toISOString();
  return web(stage.topology.backends.slice(from), fields, local).map((object) =>
    object.kind === "EndpointSlice" ? { ...object, lastChangeTriggerTime } : object
  );
}

function many(stage: Stage): readonly (Service | EndpointSlice)[] {
  return Array.from({ length: 1000 }, (_, index) => {
    const clusterIP = `10.97.${index >> 7}.${(index & 127) + 1}`;
    return sampleService({ name: `many-${index}`, clusterIP, clusterIPs: [clusterIP] });
  }).concat(changed(stage, 0).filter((object) => object.kind === "Service"));
}

const SCENES: readonly Scene[] = [
  {
    name: "a proxy that serves",
    flags: ["--per-service-metrics=10"],
    steps: [
      {
        does: "endpoints change",
        act: async (stage) => {
          await serving(stage).serve(changed(stage, 0));
          await serving(stage).serve(changed(stage, 1));
        },
        moves: [
          ...["syncDuration", "partialSyncDuration", "syncLastTimestamp"] as const,
          ...["syncLastQueuedTimestamp", "networkProgrammingDuration"] as const,
          ...["endpointChanges", "serviceChanges"] as const,
          ...["pluginCallDuration", "pluginFrameBytes"] as const,
          ...["netlinkBatches", "netlinkMessages", "netlinkBytes", "netlinkBatchDuration"] as const,
          ...["processCpu", "processReceived", "processSent", "processResident"] as const,
        ],
      },
      {
        does: "a client connects",
        act: ({ topology: { client } }) => reach(client, UDP),
        moves: ["serviceConnections", "servicePackets", "serviceBytes", "conntrackEntries"],
      },
      {
        does: "the endpoint of a flow goes",
        act: async (stage) => {
          const { client, backends } = stage.topology;
          await serving(stage).serve(web(backends.slice(0, 1)));
          await reach(client, UDP);
          await serving(stage).serve(web(backends.slice(1)));
        },
        moves: ["conntrackDuration", "conntrackDeleted"],
      },
      {
        does: "no endpoint is of this node, under policy Local",
        act: (stage) =>
          serving(stage).serve(changed(stage, 0, { internalTrafficPolicy: "Local" }, false)),
        moves: ["noLocalEndpoints"],
      },
      {
        does: "somebody asks for its health",
        act: async ({ pages }) => {
          await pages.health("healthz");
          await pages.health("livez");
          await pages.at("http://127.0.0.1:10249/healthz");
        },
        moves: ["healthz", "livez", "healthcheck", "healthchecks"],
      },
      {
        does: "somebody else changes the rules",
        act: ({ topology: { node } }) => nft(node, "flush chain ip weir services"),
        moves: ["repairs", "fullSyncDuration"],
      },
      {
        does: "a thousand Services come",
        act: (stage) => serving(stage).serve(many(stage)),
        moves: ["servicesFolded", "processVirtual"],
      },
      {
        does: "changes come while the proxier hangs",
        act: async (stage) => {
          const { process } = stage;
          await signalOther(await process.proxier(), "SIGSTOP");
          await serving(stage).write(changed(stage, 0));
          await new Promise((resume) => setTimeout(resume, 300));
          await serving(stage).write(changed(stage, 1, { labels: { changed: "again" } }));
        },
        moves: ["serviceChangesPending", "endpointChangesPending"],
      },
      {
        does: "the proxier dies",
        act: async ({ process }) => {
          // The one that hung is dead by now, or dies of this.
          await until("a proxier", () => process.sandboxes.length === 1);
          await killHard(await process.proxier());
        },
        moves: ["pluginRestarts"],
      },
    ],
  },
  {
    name: "a plugin that may die but once",
    fields: { "weir:limits": { deaths: 1 } },
    steps: [{
      does: "the proxier dies",
      act: async (stage) => {
        await serving(stage).serve(changed(stage, 0));
        const pid = await stage.process.proxier();
        await killHard(pid);
        await until("it is gone", () => !runs(pid));
      },
      moves: ["pluginParked", "pluginState"],
    }],
  },
  {
    name: "a table that is somebody else's own",
    owned: 'add table ip weir { flags owner; comment "weir: proxier other"; }',
    steps: [{
      does: "it is to be programmed",
      act: (stage) => serving(stage).write(changed(stage, 0)),
      moves: ["nftablesSyncFailures", "netlinkErrors"],
    }],
  },
  {
    name: "rules of kube-proxy that cannot be removed",
    owned: "add table ip kube-proxy { flags owner; }",
    steps: [{
      does: "it takes over",
      act: (stage) => serving(stage).serve(changed(stage, 0)),
      moves: ["takeoverLeftovers"],
    }],
  },
  {
    name: "NodePorts on loopback",
    flags: ["--nodeport-addresses=localhost"],
    steps: [{
      does: "one comes, and one whose port is taken",
      act: (stage) => {
        const port = { name: "tcp", protocol: "TCP", port: 80 } as const;
        return serving(stage).write([
          ...changed(stage, 0, { type: "NodePort", ports: [{ ...port, nodePort: 30_080 }] }),
          sampleService({
            name: "taken",
            clusterIP: "10.96.0.99",
            clusterIPs: ["10.96.0.99"],
            type: "NodePort",
            // weir's own metrics.
            ports: [{ ...port, nodePort: 10_249 }],
          }),
          ...changed(stage, 0).flatMap((object) =>
            object.kind === "EndpointSlice"
              ? [{
                ...object,
                name: `taken-${object.addressType.toLowerCase()}`,
                serviceName: "taken",
              }]
              : []
          ),
        ]);
      },
      moves: ["localhostNodePortListeners", "localhostNodePortFailures", "processOpenFds"],
    }],
  },
  {
    name: "a configuration file",
    fields: {},
    steps: [
      {
        does: "it changes",
        act: ({ config }) => config.write({ clusterCIDR: "10.0.0.0/8" }),
        moves: ["configReloads", "configReloadTimestamp"],
      },
      {
        does: "it is broken",
        act: ({ config }) => config.write({ clusterCIDR: "10.0.0.0/33" }),
        moves: ["configReloadSuccessful"],
      },
    ],
  },
  {
    name: "a mode that weir has not",
    flags: ["--proxy-mode=iptables", "--proxy-mode-fallback"],
    steps: [{
      does: "another serves in its place",
      early: true,
      act: (stage) => serving(stage).serve(changed(stage, 0)),
      moves: ["modeInPlace"],
    }],
  },
  {
    name: "a plugin whose samples contradict each other",
    flags: [`--proxy-mode=${new URL("moody_proxier/plugin.ts", import.meta.url).pathname}`],
    steps: [{
      does: "it is told of a Service",
      act: (stage) => serving(stage).write(changed(stage, 0)),
      moves: ["pluginSamplesDropped"],
    }],
  },
  {
    name: "a collector that is away",
    variables: [
      "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9",
      "OTEL_EXPORTER_OTLP_TIMEOUT=100",
      "OTEL_BSP_SCHEDULE_DELAY=50",
    ],
    steps: [{
      does: "there is a sync to tell of",
      early: true,
      act: (stage) => serving(stage).serve(changed(stage, 0)),
      moves: ["traceSpans"],
    }],
  },
  {
    name: "an API server",
    apiServer: true,
    steps: [{
      does: "it is listed and watched",
      early: true,
      act: ({ process }) => process.said(/"Synced" kind="full"/),
      moves: [
        ...["requests", "requestDuration", "requestSize", "responseSize"] as const,
        ...["rateLimiterDuration", "transports", "transportCalls"] as const,
      ],
    }],
  },
];

/** What takes minutes, or a certificate that rotates, and is shown with the real parts elsewhere. */
const ELSEWHERE: Readonly<Partial<Record<Key, string>>> = {
  // Every API server of a test has an address and no name.
  dnsDuration: "host/source/kube/client_test.ts",
  requestRetries: "host/telemetry/client_metrics_test.ts",
  execPluginCalls: "host/capabilities/credentials_test.ts",
  execPluginTtl: "host/telemetry/client_metrics_test.ts",
  execPluginRotation: "host/telemetry/client_metrics_test.ts",
  // A sysctl of the machine as a whole, which a test leaves alone.
  conntrackLimit: "host/capabilities/sysctl/readings_test.ts",
};

Deno.test("each metric of the table is moved by one step, or it is said why not", async () => {
  const moved = SCENES.flatMap(({ steps }) => steps.flatMap(({ moves }) => moves));
  const constant = Object.entries<MetricRow>(METRICS)
    .flatMap(([key, row]) => row.constant === undefined ? [] : [key]);
  const all = [...moved, ...constant, ...Object.keys(ELSEWHERE)];
  assert.deepEqual(all.sort(), Object.keys(METRICS).sort());
  for (const path of Object.values(ELSEWHERE)) {
    assert.ok((await Deno.stat(new URL(`../../${path}`, import.meta.url))).isFile);
  }
});

/** The series of a metric on both pages, histograms by their counts, as text. */
async function series(pages: Pages, { name, type, page }: MetricRow): Promise<string> {
  const path = page === "slis" ? "/metrics/slis" : "/metrics";
  const { text } = await pages.at(`http://127.0.0.1:10249${path}`);
  const wanted = type === "histogram" ? `${name}_count` : name;
  return text.split("\n")
    .filter((line) => line.startsWith(`${wanted}{`) || line.startsWith(`${wanted} `))
    // What is there from the start, at zero, has not moved.
    .filter((line) => !line.endsWith(" 0"))
    .join("\n");
}

/** An nft that keeps what it owns as long as it runs. */
function owner(topology: Topology, commands: string): AsyncDisposable {
  const [program, ...args] = topology.node.namespace.command(boundToParent(["nft", "-i"]));
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "null" }).spawn();
  const writer = child.stdin.getWriter();
  void writer.write(new TextEncoder().encode(`${commands}\n`));
  return {
    async [Symbol.asyncDispose]() {
      await writer.close().catch(() => {});
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

async function open(scene: Scene, stack: AsyncDisposableStack): Promise<Stage> {
  const topology = stack.use(await Topology.create({ port: TARGET_PORT }));
  const agent = stack.use(new NodeAgent(topology));
  if (scene.owned !== undefined) {
    stack.use(owner(topology, scene.owned));
    await until(
      "the table is owned",
      async () => (await nft(topology.node, "list ruleset")).includes("owner"),
    );
  }
  const config = stack.use(await ConfigMap.create(topology.node, {}));
  const { fields, flags = [] } = scene;
  if (fields !== undefined && "weir:limits" in fields) {
    await config.writeText(
      [
        { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration" },
        {
          apiVersion: "weir.dev/v1alpha1",
          kind: "WeirConfiguration",
          limits: fields["weir:limits"],
        },
      ].map((document) => JSON.stringify(document)).join("\n---\n"),
    );
  }
  const all = [...flags, ...(fields === undefined ? [] : [`--config=${config.path}`])];
  if (scene.apiServer === true) {
    const master = await agent.startApiServer();
    await agent.apply([sampleNode("", { name: NODE_NAME }), ...web(topology.backends)]);
    const process = stack.use(
      new WeirProcess(topology.node.namespace, { flags: [`--master=${master}`, ...all] }),
    );
    return { topology, agent, process, pages: new Pages(agent), weir: undefined, config };
  }
  const { variables = [] } = scene;
  const weir = stack.use(await startOnManifests(topology, all, ["env", ...variables]));
  return { topology, agent, process: weir.process, pages: weir.pages, weir, config };
}

for (const scene of SCENES) {
  Deno.test(`with ${scene.name}, ${scene.steps.map(({ does }) => does).join("; then ")}: the metrics move`, async () => {
    await using stack = new AsyncDisposableStack();
    const stage = await open(scene, stack);
    await stage.process.until(
      "the page",
      async () => (await stage.pages.at("http://127.0.0.1:10249/healthz")).status === 200,
    );
    for (const { does, moves, act, early } of scene.steps) {
      const rows = moves.map((key): MetricRow => METRICS[key]);
      const before = early === true
        ? rows.map(() => "")
        : await Promise.all(rows.map((row) => series(stage.pages, row)));
      await act(stage);
      for (const [index, row] of rows.entries()) {
        await stage.process.until(
          `${row.name} moves because ${does}`,
          async () => await series(stage.pages, row) !== before[index],
        );
      }
    }
  });
}
