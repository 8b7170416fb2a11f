/**
 * The resolver, the proxier-nftables plugin and the nft capability in this process: everything
 * between Kubernetes' objects and the kernel but the sandbox.
 *
 * @module
 */
import { nftClient } from "weir";
import { NftKernel } from "../../host/capabilities/nft/kernel.ts";
import { NftMonitor } from "../../host/capabilities/nft/monitor.ts";
import { systemClock } from "../../host/clock.ts";
import { nftCapability } from "../../host/capabilities/nft/nft.ts";
import { Revisions, type ServiceUpdate } from "../../host/diff.ts";
import { resolveService } from "../../host/resolver/resolve.ts";
import proxier from "../../plugins/proxier-nftables/plugin.ts";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import { recordingTrace } from "../kit/recording_trace.ts";
import { recordingLog } from "../kit/recording_log.ts";
import type { ServicePortTraffic } from "../../schemas/calls.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import type { Topology } from "../kit/packet/topology.ts";
import { NODE_NAME, type NodeProgram } from "./program.ts";

const GRANT = { version: 1, table: "weir" } as const;
const OWNER = { role: "proxier", plugin: "test" } as const;

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** What the objects come to on this node, and nothing for the Services that are gone. */
function resolved(
  objects: readonly (Service | EndpointSlice)[],
  before: Iterable<string>,
): ServiceUpdate[] {
  const updates = new Map<string, ServiceUpdate>();
  for (const key of before) updates.set(key, { key, views: [] });
  for (const service of objects) {
    if (service.kind !== "Service") continue;
    const slices = objects.filter((object): object is EndpointSlice =>
      object.kind === "EndpointSlice" && object.namespace === service.namespace &&
      object.serviceName === service.name
    );
    const { views, problems } = resolveService(service, slices, {
      name: NODE_NAME,
      zone: "",
      addresses: [],
    });
    if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("; "));
    updates.set(keyOf(service), { key: keyOf(service), views });
  }
  return [...updates.values()];
}

/** The handlers in this process, which can be asked more than to serve. */
export interface InProcessProgram extends NodeProgram {
  /**
   * Asks what was counted.
   *
   * @param ids Of service ports.
   * @returns In the order asked.
   */
  traffic(ids: readonly string[]): Promise<readonly ServicePortTraffic[]>;
}

/**
 * Starts the plugin's handlers in this process, and the monitor that repairs.
 *
 * @param topology Whose node.
 * @param settings What the proxier must know besides.
 * @returns The running proxy.
 */
export const startInProcess = async (
  topology: Topology,
  settings: ProxierSettings,
): Promise<InProcessProgram> => {
  await using stack = new AsyncDisposableStack();
  const { namespace } = topology.node;
  const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now() }));
  stack.defer(() => kernel.close());
  const capability = nftCapability(GRANT, { owner: OWNER, kernel });
  const nft = nftClient(GRANT, async (_, method, params, attachment = new Uint8Array(0)) => {
    const answer = await capability.invoke(method, params, attachment);
    return { value: answer.value, attachment: answer.attachment ?? new Uint8Array(0) };
  });
  const caps = {
    nft,
    log: recordingLog().log,
    metric: { count: () => {}, gauge: () => {} },
    trace: recordingTrace().trace,
    features: { os: "linux", kernel: "" },
  } as const;
  const revisions = new Revisions();
  const known = new Set<string>();
  let readings = 0;
  let last: Promise<void> = Promise.resolve();
  const queued = (work: () => void | Promise<void>) => last = last.then(work);
  await proxier.definition.resync(revisions.snapshot(settings), caps);
  const monitor = namespace.inside(() =>
    new NftMonitor({
      kernel,
      tables: new Set([GRANT.table]),
      onForeignChange: () => {
        queued(() => proxier.definition.resync(revisions.snapshot(settings), caps));
      },
      onEnd: (reason) => {
        throw new Error(reason);
      },
      clock: systemClock,
    })
  );
  stack.defer(() => monitor.close());
  const running = stack.move();
  return {
    serve(objects) {
      return queued(async () => {
        const diff = revisions.advance(resolved(objects, known));
        known.clear();
        for (const object of objects) if (object.kind === "Service") known.add(keyOf(object));
        if (diff !== undefined) await proxier.definition.apply(diff, caps);
      });
    },
    async traffic(ids) {
      const counts = await proxier.definition.traffic?.(
        { reading: ++readings, last: true, ids },
        caps,
      );
      if (counts === undefined) throw new Error("nothing is counted");
      return counts;
    },
    async [Symbol.asyncDispose]() {
      await last;
      await running.disposeAsync();
    },
  };
};
