/**
 * The proxy: the flow wired together, from the source to the kernel, and what watches it.
 *
 * @module
 */
import type { WeirConfig } from "../schemas/config.ts";
import { type IpFamily, type Node, type Source, type SourceEvent } from "../schemas/kube.ts";
import type { NodeFeatures } from "../schemas/manifest.ts";
import type { ProxierSettings } from "../schemas/view.ts";
import { LIMITS } from "../schemas/wire.ts";
import { conntrackCapability } from "./capabilities/conntrack/conntrack.ts";
import { ConntrackKernel } from "./capabilities/conntrack/kernel.ts";
import { withLeftoverStore } from "./capabilities/leftovers/store.ts";
import { nftCapability } from "./capabilities/nft/nft.ts";
import { openNft } from "./capabilities/nft/open.ts";
import { KERNEL_SETTINGS } from "./capabilities/sysctl/setting.ts";
import { sysctlCapability } from "./capabilities/sysctl/sysctl.ts";
import type { Clock } from "./clock.ts";
import { Collector } from "./collector.ts";
import { Reconciler } from "./conntrack/reconciler.ts";
import { servingEndpoints } from "./conntrack/serving.ts";
import { Detection } from "./detection.ts";
import { Revisions } from "./diff.ts";
import { NodePorts } from "./node_ports/node_ports.ts";
import { detectorOf, type PluginGround, prepareJail, proxierOf, startPlugin } from "./plugins.ts";
import { type HealthFacts, livez } from "./routes/proxy_health.ts";
import { healthTimeout, startServers } from "./routes/servers.ts";
import type { SandboxEvent } from "./sandbox/event.ts";
import type { SupervisedPlugin } from "./sandbox/supervisor.ts";
import { describeFailure, Scheduler } from "./scheduler.ts";
import { createSync } from "./sync.ts";
import { Takeover } from "./takeover.ts";
import type { Logger } from "./telemetry/log.ts";
import type { MetricRegistry } from "./telemetry/metrics.ts";
import { PluginMetrics } from "./telemetry/plugin_metrics.ts";
import { recordSync } from "./telemetry/sync_metrics.ts";
import type { Tracing } from "./telemetry/trace.ts";
import { Tracker } from "./tracker.ts";

/** What the proxy stands on. */
export interface ProxyEnvironment {
  /** For example `0.1.0`. */
  readonly version: string;
  readonly node: NodeFeatures;
  /** The path of the Deno program. */
  readonly deno: string;
  /** weir's own folder; ends in `/`. */
  readonly home: URL;
  /** Where bundles are kept; ends in `/`. */
  readonly cache: URL;
  /** What relative paths of plugins are relative to; ends in `/`. */
  readonly base: URL;
  /** The source of objects that the configuration asks for. */
  readonly source: Source;
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  readonly registry: MetricRegistry;
  readonly tracing: Tracing;
  /** Collects garbage and gives its pages back; undefined where V8 does not offer it. */
  readonly collect: (() => void) | undefined;
  /** Ends the proxy; the kernel keeps the rules. */
  readonly signal: AbortSignal;
}

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];

/**
 * Stands in for the Node where manifests name none: there is no control plane that could drain
 * or delete this node, so it is eligible.
 */
function standaloneNode(name: string): Node {
  return {
    kind: "Node",
    name,
    resourceVersion: "",
    labels: {},
    podCIDRs: [],
    addresses: [],
    taints: [],
    deleting: false,
  };
}

/**
 * Runs the proxy until the signal aborts.
 *
 * @param config The configuration.
 * @param environment What it stands on.
 * @returns Settles when everything is closed. The rules stay in the kernel.
 * @throws {WeirError} When it cannot begin: a plugin's code or a netlink socket cannot be had.
 */
export async function runProxy(config: WeirConfig, environment: ProxyEnvironment): Promise<void> {
  const { clock, random, log, registry, tracing, signal, home } = environment;
  const { metrics } = registry;
  const proxierSource = proxierOf(config.mode, home);
  const detectorSource = detectorOf(config.detectLocalMode, home);
  const pluginMetrics = new PluginMetrics(registry);

  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  let proxier: SupervisedPlugin | undefined;
  let detector: SupervisedPlugin | undefined;

  const tracker = new Tracker({ nodeName: config.nodeName, startedAt: clock.now() });
  const revisions = new Revisions((before, now) => reconciler.replaced(before, now));

  // Tracked flows, once a proxier asks for it.
  let table: ConntrackKernel | undefined;
  const reconciler = new Reconciler({
    table: () => table ??= new ConntrackKernel(),
    ports: {
      find: (id) => revisions.find(id),
      all: () => revisions.all(),
      serving: (view) => servingEndpoints(tracker.lookUp(view.namespace, view.name).slices, view),
    },
    nodePorts: () => settings().nodePorts,
    protocols: config.conntrack.removeTCPFlows ? ["UDP", "TCP"] : ["UDP"],
    limits: LIMITS,
    clock,
    log,
    observe: ({ family, milliseconds, deleted }) => {
      metrics.conntrackDuration.observe({ ip_family: family }, milliseconds / 1000);
      metrics.conntrackDeleted.inc({ ip_family: family }, deleted);
    },
  });

  // The kernel, and whoever else writes to our tables.
  const tables = new Set<string>();
  // Zero from the start, so that the first repair is an increase to rate().
  metrics.repairs.inc({ plugin: proxierSource.name }, 0);
  const { kernel, monitor } = openNft({
    now: () => performance.now(),
    observe: (record) => pluginMetrics.commit(proxierSource.name, record),
  }, {
    tables,
    onForeignChange: ({ tables, by }) => {
      // Before the first sync nobody can have changed what is not there yet.
      if (revisions.revision === 0) return;
      metrics.repairs.inc({ plugin: proxierSource.name });
      log.warn("Somebody else changed the rules; programming them anew", { tables, by });
      scheduler.requestResync(`tables changed by ${by}`);
    },
    onEnd: (reason) => log.error("Cannot watch the rules for changes by others", { reason }),
  });

  // The plugins. Their code is loaded while the source lists.
  const ground: PluginGround = {
    ...environment,
    limits: LIMITS,
    capabilities: {
      nft: (grant) => {
        tables.add(grant.table);
        return nftCapability(grant, { kernel });
      },
      conntrack: () => conntrackCapability({ request: (ids) => reconciler.request(ids) }),
      sysctl: (grant) => sysctlCapability(grant, KERNEL_SETTINGS),
    },
  };
  const jail = prepareJail(ground);
  const watch = (plugin: string) => (event: SandboxEvent) => {
    pluginMetrics.event(plugin, event);
    if (event.type !== "invoke") return;
    tracing.past(event.traceparent, "weir.capability", {
      "weir.plugin": plugin,
      "weir.method": `${event.capability}.${event.method}`,
      "weir.bytes": event.bytes,
    }, event);
  };
  const detectorLoading = startPlugin(
    detectorSource,
    { kind: "local-detector", mode: "on-demand", observe: watch(detectorSource.name) },
    ground,
    jail,
  );
  const proxierLoading = startPlugin(
    proxierSource,
    {
      kind: "proxier",
      mode: "warm",
      onReady: () => {
        scheduler.requestResync("the proxier has started");
        goOn();
      },
      observe: (event) => {
        watch(proxierSource.name)(event);
        if (event.type === "state" && event.state !== "ready") scheduler.pause();
      },
    },
    ground,
    jail,
  );
  // Whatever happens first, the rejection of either is seen below.
  for (const loading of [detectorLoading, proxierLoading]) loading.catch(() => {});

  const detection = new Detection({
    config,
    detect: async (params) => await (await detectorLoading).call("detect", params),
    changed: () => {
      scheduler.requestResync("the way to tell local traffic has changed");
      goOn();
    },
    clock,
    log,
  });

  const nodePorts = new NodePorts({
    config,
    families: FAMILIES,
    proxyHealthy: () => livez(facts(), clock.now(), healthTimeout(config)).report.healthy,
    changed: () => {
      scheduler.requestResync("the addresses of NodePorts have changed");
      goOn();
    },
    clock,
    random,
    log,
    metrics,
  });

  const collector = new Collector({ collect: environment.collect, clock });
  const settings = (): ProxierSettings => ({
    masqueradeAll: config.nftables.masqueradeAll,
    masqueradeBit: config.nftables.masqueradeBit,
    localMatches: detection.matches ?? [],
    nodePorts: nodePorts.addresses ?? { type: "listed", addresses: [] },
    serviceCIDRs: tracker.serviceCIDRs,
  });
  const sync = createSync({
    tracker,
    revisions,
    nodeName: config.nodeName,
    settings,
    call: async (method, params, options) =>
      await (await proxierLoading).call(method, params, options),
    tracing,
    clock,
    log,
    observe: ({ kind, startedAt, endedAt, changedAt }) => {
      if (kind === "full") collector.soon();
      recordSync(metrics, {
        kind,
        families: FAMILIES,
        startedAt,
        endedAt,
        outcome: changedAt === undefined ? { type: "failed" } : { type: "done", changedAt },
      });
      for (const ip_family of FAMILIES) {
        for (const traffic_policy of ["internal", "external"] as const) {
          const count = revisions.dropped(ip_family, traffic_policy);
          metrics.noLocalEndpoints.set({ ip_family, traffic_policy }, count);
        }
      }
      measurePending();
    },
    landed: (order) => nodePorts.landed(order),
    tellHealth: (news) => nodePorts.tellHealth(news),
  });

  const takeover = new Takeover({
    withStore: withLeftoverStore,
    clock,
    random,
    log,
    remaining: (count) => metrics.takeoverLeftovers.set(count),
  });
  const scheduler = new Scheduler({
    clock,
    random,
    sync,
    minInterval: config.nftables.minSyncPeriod,
    syncPeriod: config.nftables.syncPeriod,
    observer: {
      queued: (at) => {
        for (const ip_family of FAMILIES) {
          metrics.syncLastQueuedTimestamp.set({ ip_family }, at / 1000);
        }
      },
      completed: (_at, kind) => {
        // The first sync is one, and only a full one has put all rules into the kernel.
        if (kind === "resync") takeover.begin();
      },
      failed: (_at, kind, thrown, delay) => {
        // Whoever is stopped in the middle has not failed.
        if (!until.aborted) log.error(describeFailure(kind, thrown, delay));
      },
    },
  });
  scheduler.pause();

  /** Syncs begin once there is something true to tell and somebody to tell it. */
  function goOn(): void {
    if (!tracker.ready || detection.matches === undefined) return;
    if (nodePorts.addresses === undefined) return;
    if (proxier?.state().type === "ready") scheduler.resume();
  }

  function measurePending(): void {
    const { services, endpointSlices } = tracker.pending;
    metrics.serviceChangesPending.set(services);
    metrics.endpointChangesPending.set(endpointSlices);
  }

  function deliver(events: readonly SourceEvent[]): void {
    const before = tracker.pending;
    const ranges = tracker.serviceCIDRs;
    const news = tracker.accept(events);
    const after = tracker.pending;
    metrics.serviceChanges.inc(after.services - before.services);
    metrics.endpointChanges.inc(after.endpointSlices - before.endpointSlices);
    measurePending();
    detection.observe(tracker.node);
    nodePorts.observeNode(tracker.node, tracker.nodeListed);
    if (tracker.serviceCIDRs !== ranges) {
      scheduler.requestResync("the ranges of cluster IPs have changed");
    }
    reconciler.endpointsChanged();
    if (news) scheduler.changed();
    goOn();
  }

  const facts = (): HealthFacts => ({
    families: FAMILIES,
    lastCompleted: scheduler.status.lastCompleted,
    waitingSince: scheduler.status.waitingSince,
    node: tracker.node ?? (config.manifests === "" ? undefined : standaloneNode(config.nodeName)),
    parked: [
      { plugin: proxierSource.name, state: proxier?.state() },
      { plugin: detectorSource.name, state: detector?.state() },
    ].flatMap(({ plugin, state }) =>
      state?.type === "parked" ? [{ plugin, reason: state.reason }] : []
    ),
  });
  const servers = startServers({ config, registry, facts, clock, log, signal: until });

  // Only the node's own pod ranges have to be waited for.
  if (config.detectLocalMode !== "NodeCIDR") detection.observe(undefined);
  const running = environment.source.run(deliver, until);
  const started = Promise.all([proxierLoading, detectorLoading]).then((plugins) => {
    [proxier, detector] = plugins;
    goOn();
  });
  const ended = Promise.withResolvers<void>();
  until.addEventListener("abort", () => ended.resolve());
  try {
    // Not for the source: a terminal's Ctrl-C reaches the plugins too, and they must be known to
    // be stopped before their deaths are seen.
    await Promise.race([Promise.all([started, running]), ended.promise]);
  } finally {
    failed.abort();
    detection.stop();
    collector.stop();
    await within(GRACE_MS, scheduler.stop(), clock);
    const all = Promise.allSettled([
      running,
      proxierLoading.then((plugin) => plugin.stop()),
      detectorLoading.then((plugin) => plugin.stop()),
      takeover.stop(),
      monitor.close(),
      nodePorts.stop(),
      reconciler.stop().then(() => table?.close()),
      ...servers.map((server) => server.finished),
    ]).then(() => kernel.close());
    await within(REST_MS, all, clock);
    log.info("Stopped; the kernel keeps the rules");
  }
}

/**
 * Milliseconds for the sync in flight to end when weir is stopped. A plugin that hangs must not
 * keep the process, and one that is cut off has left the old or the new rules whole.
 */
const GRACE_MS = 300;

/**
 * Milliseconds for everything else to end: supervisors count on two seconds in all, and nothing of
 * it is missed in the kernel.
 */
const REST_MS = 1_000;

/** Waits for something, but no longer than a while; it must not reject. */
async function within(limit: number, work: Promise<void>, clock: Clock): Promise<void> {
  const late = Promise.withResolvers<void>();
  const cancel = clock.after(limit, late.resolve);
  await Promise.race([work, late.promise]);
  cancel();
}
