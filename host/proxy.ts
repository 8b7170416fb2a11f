/**
 * The proxy: the flow wired together, from the source to the kernel, and what watches it; and how
 * another configuration comes into force while traffic flows.
 *
 * @module
 */
import type { WeirConfig } from "../schemas/config.ts";
import { conntrackCapability } from "./capabilities/conntrack/conntrack.ts";
import { ConntrackKernel } from "./capabilities/conntrack/kernel.ts";
import { loadConntrack } from "./capabilities/conntrack/load.ts";
import { withLeftoverStore } from "./capabilities/leftovers/store.ts";
import { deleteTable, formerTables } from "./capabilities/nft/delete_table.ts";
import type { CommitRecord } from "./capabilities/nft/kernel.ts";
import { nftCapability } from "./capabilities/nft/nft.ts";
import { openNft } from "./capabilities/nft/open.ts";
import { conntrackUsage, forwarding, onlineProcessors } from "./capabilities/sysctl/readings.ts";
import { Collector } from "./collector.ts";
import { ConfiguredPlugins } from "./configured_plugins.ts";
import { Reconciler } from "./conntrack/reconciler.ts";
import { servingEndpoints } from "./conntrack/serving.ts";
import { Revisions } from "./diff.ts";
import { Insight } from "./explain/insight.ts";
import { LocalTraffic } from "./local_traffic.ts";
import { NodePorts } from "./node_ports/node_ports.ts";
import { NodeCheck } from "./process/node_check.ts";
import { standaloneNode } from "./process/standalone_node.ts";
import { boundAddress } from "./process/node_ip.ts";
import type { PluginGround } from "./plugins.ts";
import { proxierSettings } from "./proxier_settings.ts";
import { Proxiers } from "./proxiers.ts";
import type { ProxyEnvironment } from "./proxy_environment.ts";
import { followConfigFile } from "./reload/config_file.ts";
import { makeReady } from "./reload/make_ready.ts";
import { Reloader } from "./reload/reloader.ts";
import { Review } from "./review.ts";
import { type HealthFacts, livez } from "./routes/proxy_health.ts";
import { healthTimeout, Servers } from "./routes/servers.ts";
import type { SandboxEvent } from "./sandbox/event.ts";
import { describeFailure, failedAt, Scheduler } from "./scheduler.ts";
import { Feed } from "./source/feed.ts";
import { within } from "./sleep.ts";
import { createSync } from "./sync.ts";
import { Takeover } from "./takeover.ts";
import { PluginMetrics } from "./telemetry/plugin_metrics.ts";
import { ServiceTraffic } from "./telemetry/service_traffic.ts";
import {
  recordChanges,
  recordDrops,
  recordPending,
  recordQueued,
  recordSync,
} from "./telemetry/sync_metrics.ts";
import { Tracker } from "./tracker.ts";
import { KernelWatch } from "./tuning/kernel_watch.ts";
import { loggedSysctl } from "./tuning/sysctl_log.ts";
import { Tuning } from "./tuning/tuning.ts";

/**
 * Runs the proxy until the signal aborts.
 *
 * @param initial The configuration to begin with.
 * @param environment What it stands on.
 * @returns Settles when everything is closed. The rules stay in the kernel.
 * @throws {WeirError} When it cannot begin: a plugin's code or a netlink socket cannot be had; and
 * WEIR_CONFIG_CHANGED when it is to end at a change of the configuration file.
 */
export async function runProxy(initial: WeirConfig, environment: ProxyEnvironment): Promise<void> {
  const { clock, random, log, registry, tracing, signal, openSource } = environment;
  const { metrics } = registry;
  const { working: families, lacking } = environment.families;
  const pluginMetrics = new PluginMetrics(registry);
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  const fault = Promise.withResolvers<never>();
  // Whoever waits for the end sees it.
  fault.promise.catch(() => {});
  const aborted = new Promise<void>((resolve) => {
    if (until.aborted) resolve();
    else until.addEventListener("abort", () => resolve());
  });

  // What is in force. Whoever reads it anew each time needs no word of a change.
  let config = initial;

  const tracker = new Tracker({
    nodeName: config.nodeName,
    startedAt: clock.now(),
    now: () => clock.now(),
  });
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
    get protocols() {
      return config.conntrack.removeTCPFlows ? ["UDP", "TCP"] as const : ["UDP"] as const;
    },
    get limits() {
      return config.limits;
    },
    clock,
    log,
    observe: ({ family, milliseconds, deleted }) => {
      metrics.conntrackDuration.observe({ ip_family: family }, milliseconds / 1000);
      metrics.conntrackDeleted.inc({ ip_family: family }, deleted);
    },
  });

  // The kernel, and whoever else writes to our tables.
  const tables = new Set<string>();
  const { kernel, monitor } = openNft({ now: () => performance.now() }, {
    tables,
    onForeignChange: ({ tables, by }) => {
      // Before the first sync nobody can have changed what is not there yet.
      if (revisions.revision === 0) return;
      metrics.repairs.inc({ plugin: proxiers.name });
      log.warn("Somebody else changed the rules; programming them anew", { tables, by });
      scheduler.requestResync(`tables changed by ${by}`);
    },
    onEnd: (reason) => log.error("Cannot watch the rules for changes by others", { reason }),
    clock,
  });

  // The plugins. Their code is loaded while the source lists.
  const watch = (plugin: string, event: SandboxEvent) => pluginMetrics.event(plugin, event);
  const capabilities: PluginGround["capabilities"] = (owner) => ({
    nft: async (grant) => {
      await kernel.mustBeFree({ table: grant.table, owner });
      tables.add(grant.table);
      const observe = (record: CommitRecord) => pluginMetrics.commit(owner.plugin, record);
      return nftCapability(grant, { owner, kernel, observe });
    },
    conntrack: () => conntrackCapability({ request: (ids) => reconciler.request(ids) }),
    sysctl: (grant) => {
      const { plugin } = owner;
      const conntrack = () => config.conntrack;
      return loggedSysctl(grant, { plugin, log, clock, limits: config.limits, conntrack });
    },
  });
  const plugins = new ConfiguredPlugins({
    ground: { ...environment, capabilities },
    observe: watch,
  });
  const localTraffic = new LocalTraffic(config, {
    identify: (config) => plugins.detectorIdentity(config),
    load: (config) => plugins.startDetector(config),
    changed: () => resyncBecause("the way to tell local traffic has changed"),
    fail: fault.reject,
    clock,
    log,
  });
  const proxiers = new Proxiers(plugins.startProxier(config), {
    formerTables: () => formerTables(kernel, plugins.assistantNames(config)),
    deleteTable: async (name, isOwned) => {
      const deleted = await deleteTable(kernel, name, isOwned);
      if (!isOwned()) tables.delete(name);
      return deleted;
    },
    onReady: () => resyncBecause("the proxier has started"),
    onAway: () => scheduler.pause(),
    observe: watch,
    alone: (work) => scheduler.alone(work),
    clock,
    canTell,
    resync: () => sync("resync"),
    log,
  });
  // Zero from the start, so that the first repair is an increase to rate().
  metrics.repairs.inc({ plugin: proxiers.name }, 0);

  const nodePorts = new NodePorts({
    config,
    families,
    proxyHealthy: () => livez(facts(), clock.now(), healthTimeout(config)).report.healthy,
    changed: () => resyncBecause("the addresses of NodePorts have changed"),
    clock,
    random,
    log,
    metrics,
  });

  const nodeCheck = new NodeCheck(config, {
    served: families,
    lacking,
    fail: fault.reject,
    clock,
    log,
  });

  const collector = new Collector({ collect: environment.collect, clock });
  const settings = () =>
    proxierSettings(config, {
      families,
      localMatches: localTraffic.matches ?? [],
      nodePorts: nodePorts.addresses ?? { type: "listed", addresses: [] },
      serviceCIDRs: tracker.serviceCIDRs,
    });
  const sync = createSync({
    tracker,
    revisions,
    nodeName: () => config.nodeName,
    externalIPs: () => config.featureGates["AllowServiceExternalIPs"] !== false,
    bound: () => boundAddress(config.bindAddress)?.address,
    settings,
    call: (method, params, options) => proxiers.call(method, params, options),
    tracing,
    clock,
    log,
    observe: ({ kind, startedAt, endedAt, changedAt, traceId }) => {
      if (kind === "full") collector.soon();
      recordSync(metrics, {
        kind,
        families,
        startedAt,
        endedAt,
        traceId,
        outcome: changedAt === undefined ? { type: "failed" } : { type: "done", changedAt },
      });
      recordDrops(metrics, families, revisions);
      recordPending(metrics, tracker.pending);
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
    get minInterval() {
      return config.proxier.minSyncPeriod;
    },
    get syncPeriod() {
      return config.proxier.syncPeriod;
    },
    observer: {
      queued: (at) => recordQueued(metrics, families, at),
      completed: (_at, kind) => {
        // The first sync is one, and only a full one has put all rules into the kernel.
        if (kind !== "resync") return;
        takeover.begin();
        proxiers.programmed();
        tuning.apply(config);
        insight.prepare();
      },
      failed: (_at, kind, thrown, delay) => {
        // Whoever is stopped in the middle has not failed.
        if (until.aborted) return;
        const at = failedAt(thrown);
        log.error(describeFailure(kind, thrown, delay), at === undefined ? {} : { at });
      },
    },
  });
  scheduler.pause();

  /** Syncs begin once there is something true to tell and somebody to tell it. */
  function goOn(): void {
    if (canTell() && proxiers.state?.type === "ready") scheduler.resume();
  }

  function canTell(): boolean {
    return tracker.ready && localTraffic.matches !== undefined && nodePorts.addresses !== undefined;
  }

  function resyncBecause(reason: string): void {
    scheduler.requestResync(reason);
    goOn();
  }

  /** Takes in what the source in force tells. */
  function deliver(change: () => boolean): void {
    const before = tracker.pending;
    const ranges = tracker.serviceCIDRs;
    const news = change();
    recordChanges(metrics, before, tracker.pending);
    localTraffic.observe(tracker.node);
    nodePorts.observeNode(tracker.node, tracker.nodeListed);
    nodeCheck.observe(tracker.node, tracker.nodeListed);
    if (tracker.serviceCIDRs !== ranges) {
      scheduler.requestResync("the ranges of cluster IPs have changed");
    }
    reconciler.endpointsChanged();
    if (news) scheduler.changed();
    goOn();
  }

  const tuning = new Tuning({
    cpus: onlineProcessors,
    identify: (config) => plugins.tunerIdentity(config),
    load: async (config) => {
      await loadConntrack();
      return await plugins.startTuner(config);
    },
    clock,
    log,
  });
  const kernelWatch = new KernelWatch({
    usage: conntrackUsage,
    forwarding,
    serves: (family) =>
      revisions.all().some((view) => view.family === family && view.endpoints.length > 0),
    clock,
    log,
  });

  const serviceTraffic = new ServiceTraffic({
    limit: () => config.telemetry.perServiceMetrics,
    ports: () => revisions.all(),
    call: (query) => proxiers.call("traffic", query),
    registry,
    large: () => collector.sometimes(),
    clock,
    log,
  });
  registry.onScrape(() => serviceTraffic.collect());

  const facts = (): HealthFacts => ({
    families,
    lastCompleted: scheduler.status.lastCompleted,
    waitingSince: scheduler.status.waitingSince,
    node: tracker.node ?? (config.manifests === "" ? undefined : standaloneNode(config.nodeName)),
    parked: [
      { plugin: proxiers.name, state: proxiers.state },
      { plugin: plugins.detectorName(config), state: localTraffic.state },
    ].flatMap(({ plugin, state }) =>
      state?.type === "parked" ? [{ plugin, reason: state.reason }] : []
    ),
    reload: reloader?.failure,
    silence: environment.silence(),
  });
  registry.onScrape(() => {
    metrics.modeInPlace.reset();
    const { mode, inPlaceOf } = config;
    if (inPlaceOf !== "") metrics.modeInPlace.set({ mode: mode.name, in_place_of: inPlaceOf }, 1);
  });
  const insight = new Insight({
    tracker,
    revisions,
    config: () => config,
    settings,
    proxier: proxiers,
    traffic: serviceTraffic,
    scheduler,
    conntrack: () => table ??= new ConntrackKernel(),
    large: () => collector.sometimes(),
    silence: environment.silence,
    parked: () => facts().parked,
    clock,
  });
  const looked = () => collector.looked();
  const asked = { config: () => config, facts, insight, tracker, revisions, looked };
  const servers = new Servers(config, { ...environment, ...asked, fail: fault.reject });

  // Only the node's own pod ranges have to be waited for.
  if (config.detectLocalMode !== "NodeCIDR") localTraffic.observe(undefined);
  const feed = new Feed(openSource(config), {
    deliver: (events) => deliver(() => tracker.accept(events)),
    adopt: (objects) =>
      deliver(() => {
        tracker.adopt(objects, config.nodeName, clock.now());
        return true;
      }),
    clock,
  });

  /**
   * Puts another configuration in force, whole. When a part of it cannot be made ready this rejects,
   * and the former configuration is in force.
   */
  async function reconfigure(next: WeirConfig): Promise<void> {
    const { touched, commit } = await makeReady(config, next, {
      misfit: (next) => nodeCheck.faultOf(next),
      logging: environment.prepareLogging,
      servers: (next) => servers.prepare(next),
      source: (next) => feed.prepare(openSource(next)),
      localTraffic: (next, node) => localTraffic.prepare(next, node),
      node: () => tracker.node,
      proxierIdentity: (config) => plugins.proxierIdentity(config),
      switchProxier: (next) =>
        proxiers.switchTo(plugins.startProxier(next)).catch((thrown) => {
          // The other one may have been told of a revision that the one in force knows not.
          resyncBecause("another proxier could not take over");
          throw thrown;
        }),
    });
    config = next;
    commit();
    nodeCheck.reconfigure(next);
    if (touched("nodePorts", "source", "gates")) nodePorts.reconfigure(next, revisions.all());
    if (touched("gates")) {
      tracker.touchAll(clock.now());
      scheduler.changed();
    }
    tuning.apply(next);
    if (touched("pace")) review.begin();
    if (touched("rules")) scheduler.requestResync("the configuration has changed");
    if (touched("process")) {
      const refusal = environment.adjustOomScore(next.oomScoreAdj);
      if (refusal !== undefined) log.warn(refusal);
    }
    metrics.repairs.inc({ plugin: proxiers.name }, 0);
    goOn();
  }

  const review = new Review({
    period: () => config.configSyncPeriod,
    look: () => {
      tracker.touchAll(clock.now());
      scheduler.changed();
      collector.soon();
    },
    clock,
  });
  review.begin();

  const { configFile } = environment;
  const reloader = configFile === undefined ? undefined : new Reloader({
    ...configFile,
    inForce: () => config,
    apply: reconfigure,
    clock,
    log,
    metrics,
    signal: until,
  });

  /** Follows the configuration file, if there is one. */
  async function follow(): Promise<void> {
    if (configFile === undefined || reloader === undefined) return await aborted;
    await followConfigFile({ ...configFile, clock }, (changed) => reloader.look(changed), until);
  }

  kernelWatch.start();
  tuning.applySoon(() => config);
  try {
    // A terminal's Ctrl-C reaches the plugins too, and they must be known to be stopped before
    // their deaths are seen: nothing is waited for before the end begins.
    await Promise.race([
      aborted,
      feed.failed,
      fault.promise,
      Promise.all([proxiers.loaded(), localTraffic.loaded()]).then(() => {
        goOn();
        return follow();
      }),
    ]);
  } finally {
    failed.abort();
    // What the sync in flight does not need ends beside it.
    const others = Promise.all([
      feed.stop(),
      localTraffic.stop(),
      servers.stop(),
      tuning.stop(),
    ]);
    collector.stop();
    insight.stop();
    review.stop();
    kernelWatch.stop();
    nodeCheck.stop();
    await within(clock, GRACE_MS, scheduler.stop());
    const all = Promise.allSettled([
      others,
      proxiers.stop(),
      takeover.stop(),
      monitor.close(),
      nodePorts.stop(),
      reconciler.stop().then(() => table?.close()),
    ]).then(() => kernel.close());
    await within(clock, REST_MS, all);
    log.info("Stopped; the kernel keeps the rules");
  }
}

/**
 * Milliseconds for the sync in flight to end when weir is stopped. A plugin that hangs must not
 * keep the process, and one that is cut off has left the old or the new rules whole.
 */
const GRACE_MS = 900;

/**
 * Milliseconds for everything else to end: supervisors count on two seconds in all, of which the
 * last traces take half a second, and nothing of it is missed in the kernel.
 */
const REST_MS = 400;
