/**
 * What the Services of a folder come to on the node of a weir that runs.
 *
 * @module
 */
import type { PendingSync } from "../../schemas/insight.ts";
import type { SourceEvent } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import { resolveService } from "../resolver/resolve.ts";
import { manifestsSource } from "../source/manifests/source.ts";
import { LABEL_ZONE, Tracker } from "../tracker.ts";

/** What a folder says. */
export interface FolderPorts {
  readonly ports: readonly ServicePortView[];
  /** The ranges of cluster IPs. */
  readonly serviceCIDRs: readonly string[];
}

/** Everything in a folder, as the running weir would read it. */
async function objectsIn(directory: string, warn: (text: string) => void): Promise<Tracker> {
  const probe = new AbortController();
  const events: SourceEvent[] = [];
  const say = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    warn([message, ...Object.values(fields).map(String)].join(" "));
  const source = manifestsSource({
    directory,
    log: { debug: () => {}, info: () => {}, warn: say, error: say },
  });
  const kinds = new Set<string>();
  await source.run((batch) => {
    events.push(...batch);
    for (const event of batch) if (event.type === "synced") kinds.add(event.kind);
    if (kinds.has("Service") && kinds.has("EndpointSlice")) probe.abort();
  }, probe.signal);
  const node = events.find((event) => event.type === "upsert" && event.object.kind === "Node");
  const nodeName = node?.type === "upsert" ? node.object.name : "";
  const tracker = new Tracker({ nodeName, startedAt: 0 });
  tracker.accept(events);
  return tracker;
}

/**
 * Reads a folder.
 *
 * @param directory Which.
 * @param pending What the running weir says of its node.
 * @param warn Told what of the folder cannot be used, one sentence each.
 * @returns The service ports that the running weir would make of it.
 */
export async function portsIn(
  directory: string,
  pending: Pick<PendingSync, "node" | "families">,
  warn: (text: string) => void,
): Promise<FolderPorts> {
  const tracker = await objectsIn(directory, warn);
  // The folder may say otherwise what the node is, if it is this one.
  const own = tracker.node?.name === pending.node.name ? tracker.node : undefined;
  const node = own === undefined
    ? pending.node
    : { ...pending.node, zone: own.labels[LABEL_ZONE] ?? "", addresses: own.addresses };
  const ports: ServicePortView[] = [];
  for (const { service, slices } of tracker.take().services) {
    const { views, problems } = resolveService(service, slices, node);
    for (const { object, path, message } of problems) warn(`${object} ${path}: ${message}`);
    for (const view of views) if (pending.families.includes(view.family)) ports.push(view);
  }
  ports.sort((one, other) => one.id < other.id ? -1 : 1);
  return { ports, serviceCIDRs: tracker.serviceCIDRs };
}
