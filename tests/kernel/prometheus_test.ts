/**
 * weir's metrics as a real Prometheus takes them, and the rules and dashboard as it understands them.
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { boundToParent } from "../../host/capabilities/program.ts";
import { helpOf, type MetricRow } from "../../host/telemetry/metric_row.ts";
import { METRICS } from "../../host/telemetry/metric_table.ts";
import { ALERTS } from "../monitoring/alert.ts";
import { dashboard } from "../monitoring/dashboard.ts";
import { promtoolTests, SCENES } from "../monitoring/fires.ts";
import { RULES } from "../monitoring/generate.ts";
import { reach, web } from "./cluster.ts";
import { runInside } from "./namespace_program.ts";
import { until } from "./patience.ts";
import type { Pages } from "./weir_pages.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

const rows: readonly MetricRow[] = Object.values(METRICS);
const AT = "http://127.0.0.1:9090";
const SCRAPE = new URL("../../examples/monitoring/scrape.yaml", import.meta.url);

/** A Prometheus that scrapes weir once a second. */
class Prometheus implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(process: Deno.ChildProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
  }

  static async start(namespace: NetworkNamespace): Promise<Prometheus> {
    const folder = await Deno.makeTempDir({ prefix: "weir-prometheus-" });
    const { scrape_configs } = parse(await Deno.readTextFile(SCRAPE));
    // As Kubernetes' API has a Node: by the kubelet's port.
    const found = [{
      targets: ["127.0.0.1:10250"],
      labels: { __meta_kubernetes_node_name: "node-1" },
    }];
    // JSON is YAML.
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: [RULES.pathname],
      scrape_configs: scrape_configs.map((
        { kubernetes_sd_configs: _, ...config }: Record<string, unknown>,
      ) => ({ ...config, static_configs: found })),
    };
    await Deno.writeTextFile(`${folder}/prometheus.yml`, JSON.stringify(config));
    const [program, ...args] = namespace.command(boundToParent([
      "prometheus",
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      "--enable-feature=exemplar-storage",
      "--web.listen-address=127.0.0.1:9090",
      "--log.level=error",
    ]));
    const process = new Deno.Command(program, { args, stdin: "null", stdout: "null" }).spawn();
    return new Prometheus(process, folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function ask<Data>(pages: Pages, path: string): Promise<Data> {
  const { status, text } = await pages.at(`${AT}/api/v1/${path}`);
  const answer = JSON.parse(text);
  assert.equal(answer.status, "success", `${status} ${path}: ${text}`);
  return answer.data;
}

interface Vector {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: readonly [number, string];
  }[];
}

async function query(pages: Pages, expression: string): Promise<Vector["result"]> {
  const { result } = await ask<Vector>(pages, `query?query=${encodeURIComponent(expression)}`);
  return result;
}

/** Runs a program that asks nothing of a network. */
async function succeedHere([program = "", ...args]: readonly string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stdout) + text.decode(stderr));
}

/** What promtool says of names that Kubernetes chose. */
const UPSTREAM_NAMES = [
  'kubeproxy_sync_proxy_rules_no_local_endpoints_total non-counter metrics should not have "_total" suffix',
];

Deno.test("promtool finds nothing to say of the metrics but of names that are upstream's", async () => {
  await using cluster = await startWeirCluster(["--per-service-metrics=10"]);
  const { topology, weir } = cluster;
  await weir.serve(web(topology.backends));
  for (const path of ["/metrics", "/metrics/slis"]) {
    const { text } = await weir.pages.at(`http://127.0.0.1:10249${path}`);
    const { stdout, stderr } = await runInside(
      topology.node,
      ["promtool", "check", "metrics"],
      text,
    );
    const said = (stdout + stderr).split("\n").filter((line) => line !== "");
    assert.deepEqual(said, path === "/metrics" ? UPSTREAM_NAMES : []);
  }
});

Deno.test("a Prometheus scrapes every metric with its type and help, and exemplars that lead to traces", async () => {
  await using cluster = await startWeirCluster(["--per-service-metrics=10"]);
  const { topology: { node, client, backends }, weir } = cluster;
  const { pages } = weir;
  await weir.serve(web(backends));
  await using _ = await Prometheus.start(node.namespace);
  await weir.process.until(
    "both targets are up",
    async () => (await query(pages, "up == 1")).length === 2,
  );

  const metadata = await ask<Record<string, readonly { type: string; help: string }[]>>(
    pages,
    "metadata",
  );
  for (const row of rows) {
    // It asks for OpenMetrics, whose counters' families have no _total.
    const name = row.type === "counter" ? row.name.replace(/_total$/, "") : row.name;
    const [{ type, help } = { type: "", help: "" }] = metadata[name] ?? [];
    assert.deepEqual({ name, type, help }, { name, type: row.type, help: helpOf(row) });
  }

  await weir.serve(web(backends.slice(1)));
  await pages.health("healthz");
  for (let round = 0; round < 3; round++) await reach(client, { version: 4, transport: "udp" });
  const connections = 'weir_service_connections_total{service_name="web"}';
  await weir.process.until(
    "the Service's connections",
    async () => (await query(pages, connections))[0]?.value[1] === "3",
  );

  const name = "kubeproxy_sync_proxy_rules_duration_seconds_bucket";
  let traceId = "";
  await weir.process.until("an exemplar", async () => {
    const found = await ask<
      readonly {
        readonly exemplars: readonly { readonly labels: { readonly trace_id: string } }[];
      }[]
    >(pages, `query_exemplars?query=${name}&start=0&end=${Date.now() / 1000 + 60}`);
    traceId = found[0]?.exemplars[0]?.labels.trace_id ?? "";
    return traceId !== "";
  });
  assert.equal((await pages.at(`http://127.0.0.1:10249/debug/traces/${traceId}`)).status, 200);

  // Every query of the dashboard is one to it, and those of what has happened have an answer.
  const bare = (expr: string) =>
    expr.replaceAll("$job", "weir").replaceAll("$instance", "node-1")
      .replaceAll("$__rate_interval", "1m");
  const answers = new Map<string, number>();
  for (const panel of dashboard().panels as { targets?: { expr: string }[] }[]) {
    for (const { expr } of panel.targets ?? []) {
      answers.set(expr, (await query(pages, bare(expr))).length);
    }
  }
  for (
    const moved of [
      ...["sync_proxy_rules_duration", "netlink_batches", "service_connections", "cpu"],
      "kubernetes_healthcheck{",
    ]
  ) {
    const queries = [...answers].filter(([expr]) => expr.includes(moved));
    assert.ok(queries.length > 0 && queries.every(([, count]) => count > 0), moved);
  }

  const { groups: [group] } = await ask<
    { groups: { rules: { name: string; health: string; state: string }[] }[] }
  >(pages, "rules");
  await until("rules evaluated", async () => {
    const { groups } = await ask<{ groups: { rules: { health: string }[] }[] }>(pages, "rules");
    return groups[0]?.rules.every(({ health }) => health === "ok") === true;
  });
  for (const { name, state } of group?.rules ?? []) assert.equal(state, "inactive", name);
});

Deno.test("promtool takes the alert rules", async () => {
  await succeedHere(["promtool", "check", "rules", RULES.pathname]);
});

/** As Prometheus fills in an alert's texts. */
function annotationsOf(name: string, labels: Readonly<Record<string, string>>): object {
  const alert = ALERTS.find((each) => each.name === name);
  assert.ok(alert !== undefined, name);
  const filled = (text: string) =>
    text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? "");
  return { summary: filled(alert.summary), description: filled(alert.description) };
}

for (const scene of SCENES) {
  const { alert, what, fires } = scene;
  Deno.test(`${alert} ${fires === undefined ? "keeps still" : "fires"} when ${what}`, async () => {
    const file = await Deno.makeTempFile({ suffix: ".json" });
    try {
      await Deno.writeTextFile(file, promtoolTests([scene], RULES.pathname, annotationsOf));
      await succeedHere(["promtool", "test", "rules", file]);
    } finally {
      await Deno.remove(file);
    }
  });
}

Deno.test("every alert has a scene in which it fires and one in which it does not", () => {
  for (const fires of [true, false]) {
    const shown = SCENES.filter((scene) => (scene.fires !== undefined) === fires);
    const names = new Set(shown.map(({ alert }) => alert));
    assert.deepEqual([...names].sort(), ALERTS.map(({ name }) => name).sort());
  }
});
