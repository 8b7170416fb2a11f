/**
 * A node whose proxier uses conntrack, from the plugin's handler to the kernel's table: the plugin
 * speaks over the real wire, and what the host does with its wish is what weir does.
 *
 * @module
 */
import type { ServicePortView } from "weir";
import { ConntrackKernel } from "../../host/capabilities/conntrack/kernel.ts";
import type { Flow, FlowQuestion } from "../../host/capabilities/conntrack/flow.ts";
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { NftKernel } from "../../host/capabilities/nft/kernel.ts";
import { nftCapability } from "../../host/capabilities/nft/nft.ts";
import { systemClock } from "../../host/clock.ts";
import { Reconciler, type ReconciliationReport } from "../../host/conntrack/reconciler.ts";
import type { EndpointAddress } from "../../host/conntrack/suspicion.ts";
import { Revisions } from "../../host/diff.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { loopback } from "../kit/loopback.ts";
import { until } from "./patience.ts";
import plainProxier from "./plain_proxier/plugin.ts";
import { PLAIN } from "./program.ts";

const GRANT = { version: 1, table: "plain" } as const;
const OWNER = { role: "proxier", plugin: "test" } as const;

/** A node with a proxier that uses conntrack. */
export interface ConntrackNode extends AsyncDisposable {
  /**
   * Makes these the service ports, as one sync does.
   *
   * @param views All there are.
   * @returns When the kernel has the rules and conntrack is reconciled with them.
   */
  serve(views: readonly ServicePortView[]): Promise<void>;
  /**
   * Says which endpoints still answer beside those of the views.
   *
   * @param endpoints All of them.
   */
  serving(endpoints: readonly EndpointAddress[]): void;
  /**
   * Makes the proxier start from nothing, as after a restart.
   *
   * @returns When the kernel has the rules and conntrack is reconciled with them.
   */
  resync(): Promise<void>;
  /**
   * Lists tracked flows.
   *
   * @param question Which.
   * @returns The flows.
   */
  flows(question: FlowQuestion): Promise<readonly Flow[]>;
  /** What the reconciliations came to, oldest first. */
  readonly reports: readonly ReconciliationReport[];
}

/**
 * Starts a proxier on a node.
 *
 * @param namespace The node.
 * @param protocols Whose stale flows are removed.
 * @returns The node; to be disposed with `await using`.
 */
export async function startConntrackNode(
  namespace: NetworkNamespace,
  protocols: readonly Protocol[] = ["UDP"],
): Promise<ConntrackNode> {
  await using stack = new AsyncDisposableStack();
  const nft = namespace.inside(() => new NftKernel({ now: () => performance.now() }));
  stack.defer(() => nft.close());
  const table = namespace.inside(() => new ConntrackKernel());
  stack.defer(() => table.close());
  const reports: ReconciliationReport[] = [];
  let serving: readonly EndpointAddress[] = [];
  const revisions = new Revisions((before, now) => reconciler.replaced(before, now));
  const reconciler = new Reconciler({
    table: () => table,
    ports: {
      find: (id) => revisions.find(id),
      all: () => revisions.all(),
      serving: (view) => [...view.endpoints, ...serving],
    },
    nodePorts: () => ({ type: "every" }),
    protocols,
    // A test's changes come faster than a cluster's.
    limits: { ...LIMITS, conntrackRestMs: 1, conntrackRestFactor: 0 },
    clock: systemClock,
    log: {
      v: () => {},
      warn: (message, fields) => {
        throw new Error(`${message}: ${JSON.stringify(fields)}`);
      },
    },
    observe: (report) => reports.push(report),
  });
  stack.defer(() => reconciler.stop());
  const capability = nftCapability(GRANT, { owner: OWNER, kernel: nft });
  const plugin = stack.use(
    await loopback(plainProxier, {
      nft: (method, params, attachment) => capability.invoke(method, params, attachment),
      conntrack: (ids) => reconciler.request(ids),
    }),
  );
  const reconciled = async (work: Promise<unknown>) => {
    const before = reports.length;
    await work;
    await until("the table was looked through", () => reports.length > before);
  };
  await plugin.call("resync", revisions.snapshot(PLAIN));
  const known = new Set<string>();
  const running = stack.move();
  return {
    reports,
    serving: (endpoints) => {
      serving = endpoints;
      reconciler.endpointsChanged();
    },
    async serve(views) {
      const updates = new Map<string, ServicePortView[]>([...known].map((key) => [key, []]));
      for (const view of views) {
        const key = `${view.namespace}/${view.name}`;
        updates.set(key, [...updates.get(key) ?? [], view]);
        known.add(key);
      }
      const diff = revisions.advance(
        [...updates].map(([key, own]) => ({
          key,
          views: own.sort((one, other) => one.id < other.id ? -1 : 1),
        })),
      );
      if (diff !== undefined) await reconciled(plugin.call("apply", diff));
    },
    resync: () => reconciled(plugin.call("resync", revisions.snapshot(PLAIN))),
    async flows(question) {
      const found: Flow[] = [];
      await table.list(question, (flow) => found.push(flow));
      return found;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/**
 * The UDP port of a Service.
 *
 * @param clusterIP Its cluster IP.
 * @param endpoints Addresses of its endpoints.
 * @param targetPort The endpoints' port.
 * @param fields What is otherwise.
 * @returns The service port.
 */
export function udpPort(
  clusterIP: string,
  endpoints: readonly string[],
  targetPort: number,
  fields: Partial<ServicePortView> = {},
): ServicePortView {
  const family: IpFamily = clusterIP.includes(":") ? "IPv6" : "IPv4";
  const { name = "web", protocol = "UDP" } = fields;
  return {
    id: `default/${name}:main/${protocol}/${family}`,
    namespace: "default",
    name,
    portName: "main",
    protocol,
    family,
    clusterIP,
    port: 80,
    internal: endpoints.length > 0 ? "cluster" : "reject",
    affinitySeconds: 0,
    endpoints: endpoints.map((ip) => ({
      ip,
      port: targetPort,
      local: true,
      inCluster: true,
      inLocal: true,
    })),
    ...fields,
  };
}
