/**
 * What a proxy would tell its proxier first if it started with a configuration: objects are read
 * as it reads them, once, and settings are found out as it finds them out.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { IpFamily, Node, Source } from "../../schemas/kube.ts";
import type {
  LocalMatch,
  NodePortAddresses,
  ServicePortView,
  Snapshot,
} from "../../schemas/view.ts";
import { AddressWatch } from "../capabilities/address.ts";
import type { Clock } from "../clock.ts";
import { LocalTraffic } from "../local_traffic.ts";
import { selectionOf } from "../node_ports/node_ports.ts";
import { NodePortWatch } from "../node_ports/watch.ts";
import { boundAddress } from "../process/node_ip.ts";
import { proxierSettings } from "../proxier_settings.ts";
import { resolveService } from "../resolver/resolve.ts";
import type { SupervisedPlugin } from "../sandbox/supervisor.ts";
import type { Logger } from "../telemetry/log.ts";
import { Tracker } from "../tracker.ts";

/** What a start stands on. */
export interface StartGround {
  /** Opens the source of objects. */
  readonly openSource: (config: WeirConfig) => Source;
  /** Starts the local-detector. */
  readonly startDetector: (config: WeirConfig) => Promise<SupervisedPlugin>;
  /** What the kernel can serve. */
  readonly families: readonly IpFamily[];
  /** Told of what an operator may not have meant, one sentence each. */
  readonly warn: (text: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds in which each part must be found out. */
const PATIENCE_MS = 30_000;

/** Waits for an answer, and says what was waited for when there is none. */
async function patiently<T>(clock: Clock, what: string, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(PATIENCE_MS, () =>
    late.reject(
      new WeirError(
        "WEIR_UNREACHABLE",
        `Cannot find out ${what}: there is no answer after ${PATIENCE_MS / 1000} s`,
      ),
    ));
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    cancel();
  }
}

/** Everything that the source tells at first. */
async function listObjects(config: WeirConfig, ground: StartGround): Promise<Tracker> {
  const { openSource, clock } = ground;
  const tracker = new Tracker({ nodeName: config.nodeName, startedAt: clock.now() });
  const listed = new AbortController();
  const source = openSource(config);
  const done = Promise.withResolvers<void>();
  const running = source.run((batch) => {
    tracker.accept(batch);
    if (!tracker.ready || !tracker.nodeListed) return;
    done.resolve();
    listed.abort();
  }, listed.signal);
  const where = config.manifests === ""
    ? 'Services "of the API server"'
    : `Services "of ${config.manifests}"`;
  try {
    await patiently(clock, where, Promise.race([done.promise, running]));
  } finally {
    listed.abort();
    await running.catch(() => {});
  }
  return tracker;
}

/** Where node ports answer. */
async function nodePortsOf(
  config: WeirConfig,
  { node, nodeListed }: Pick<Tracker, "node" | "nodeListed">,
  { clock, log }: StartGround,
): Promise<NodePortAddresses> {
  const known = Promise.withResolvers<void>();
  const watch = new NodePortWatch({
    bound: boundAddress(config.bindAddress),
    selection: selectionOf(config),
    standalone: config.manifests !== "",
    changed: known.resolve,
    clock,
    log,
  });
  const kernel = new AddressWatch({
    routes: false,
    onAddresses: (addresses) => watch.observeKernel(addresses),
    onEnd: (reason) => known.reject(new WeirError("WEIR_NETLINK", reason)),
  });
  try {
    watch.observeNode(node, nodeListed);
    await patiently(clock, 'addresses "of this node"', known.promise);
    return watch.addresses ?? { type: "listed", addresses: [] };
  } finally {
    watch.stop();
    await kernel.close();
  }
}

/** How local traffic is told. */
async function localMatchesOf(
  config: WeirConfig,
  node: Node | undefined,
  { startDetector, clock, log }: StartGround,
): Promise<readonly LocalMatch[]> {
  const known = Promise.withResolvers<void>();
  const traffic = new LocalTraffic(config, {
    identify: () => "",
    load: () => startDetector(config),
    changed: known.resolve,
    fail: known.reject,
    clock,
    log,
  });
  try {
    traffic.observe(node);
    const answered = traffic.loaded().then(() => known.promise);
    await patiently(clock, `local traffic "by ${config.detectLocalMode}"`, answered);
    return traffic.matches ?? [];
  } finally {
    await traffic.stop();
  }
}

function portsOf(
  config: WeirConfig,
  tracker: Tracker,
  { families, warn }: StartGround,
): readonly ServicePortView[] {
  const bound = boundAddress(config.bindAddress)?.address;
  const node = {
    name: config.nodeName,
    zone: tracker.zone,
    addresses: bound === undefined ? tracker.addresses : [bound, ...tracker.addresses],
    ignoresExternalIPs: config.featureGates["AllowServiceExternalIPs"] === false,
  };
  const ports: ServicePortView[] = [];
  for (const { service, slices } of tracker.take().services) {
    const { views, problems } = resolveService(service, slices, node);
    for (const { object, path, message } of problems) warn(`${object} ${path}: ${message}`);
    for (const view of views) if (families.includes(view.family)) ports.push(view);
  }
  return ports;
}

/** Whose objects are told. */
export type Objects =
  /** Those that the configuration's source has. */
  | { readonly type: "listed" }
  /** Those of a proxy that runs, and of its settings where node ports answer. */
  | {
    readonly type: "known";
    readonly snapshot: Snapshot;
    /** How local traffic is told stays, too. */
    readonly detectionStays: boolean;
  };

/**
 * Finds out what the proxier would be told first.
 *
 * @param config The configuration.
 * @param objects Whose objects.
 * @param ground What it stands on.
 * @returns Everything, as a full sync tells it.
 * @throws {WeirError} WEIR_UNREACHABLE when objects or addresses cannot be had in time, and
 * whatever a source or a detector throws.
 */
export async function firstSnapshot(
  config: WeirConfig,
  objects: Objects,
  ground: StartGround,
): Promise<Snapshot> {
  const { families } = ground;
  if (objects.type === "known") {
    const { snapshot: { settings, ports }, detectionStays } = objects;
    const localMatches = detectionStays
      ? settings.localMatches
      : await localMatchesOf(config, undefined, ground);
    const facts = { ...settings, families, localMatches };
    return { revision: 1, settings: proxierSettings(config, facts), ports };
  }
  const tracker = await listObjects(config, ground);
  const settings = proxierSettings(config, {
    families,
    localMatches: await localMatchesOf(config, tracker.node, ground),
    nodePorts: await nodePortsOf(config, tracker, ground),
    serviceCIDRs: tracker.serviceCIDRs,
  });
  const ports = [...portsOf(config, tracker, ground)];
  ports.sort((one, other) => one.id < other.id ? -1 : 1);
  return { revision: 1, settings, ports };
}
