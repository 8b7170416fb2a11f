/**
 * The whole of weir on a folder of manifests, as what programs a topology's node.
 *
 * @module
 */
import assert from "node:assert/strict";
import { sampleEndpoint, sampleService, sampleSlice } from "../../host/samples.ts";
import type { EndpointSlice, Node, Service } from "../../schemas/kube.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import { Topology } from "../kit/packet/topology.ts";
import { TARGET_PORT } from "./cluster.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { NodeAgent } from "./node_agent.ts";
import { patient, until } from "./patience.ts";
import { NODE_NAME, type NodeProgram, type StartProgram } from "./program.ts";
import { Pages } from "./weir_pages.ts";
import { WeirProcess } from "./weir_process.ts";

/** A Service of one backend, whose port tells the version of the manifests it came with. */
const BARRIER = "10.96.255.1";
const FIRST_BARRIER_PORT = 1024;

function barrier(topology: Topology, port: number): readonly (Service | EndpointSlice)[] {
  const [backend] = topology.backends;
  assert.ok(backend !== undefined);
  const names = { namespace: "barrier", name: "barrier" };
  return [
    sampleService({
      ...names,
      clusterIP: BARRIER,
      ports: [{ name: "tcp", protocol: "TCP", port, nodePort: 0 }],
    }),
    sampleSlice([sampleEndpoint(backend.addresses[4], { nodeName: NODE_NAME })], {
      ...names,
      serviceName: "barrier",
      ports: [{ name: "tcp", protocol: "TCP", port: TARGET_PORT }],
    }),
  ];
}

/** weir on a folder of manifests. */
export interface WeirOnManifests extends NodeProgram {
  /** The running process; another after {@linkcode WeirOnManifests.restart}. */
  readonly process: WeirProcess;
  /** Its pages. */
  readonly pages: Pages;
  /**
   * Makes these objects the folder's, without waiting for anything.
   *
   * @param objects All Services and slices there are.
   */
  write(objects: readonly (Service | EndpointSlice)[]): Promise<void>;
  /**
   * Writes the Node.
   *
   * @param node The Node.
   */
  serveNode(node: Node): Promise<void>;
  /**
   * Starts a new process on the same folder; the former must have ended.
   *
   * @param flags More flags for weir; those of the former when absent.
   */
  restart(flags?: readonly string[]): void;
}

/**
 * Starts weir on a folder of manifests.
 *
 * @param topology Whose node.
 * @param flags More flags for weir.
 * @param before Words before its command, such as `setpriv …`.
 * @returns weir, perhaps not ready yet; `serve` waits until the kernel has what is served.
 */
export async function startOnManifests(
  topology: Topology,
  flags: readonly string[] = [],
  before: readonly string[] = [],
): Promise<WeirOnManifests> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await ManifestFolder.create());
  const agent = stack.use(new NodeAgent(topology));
  const start = (flags: readonly string[]) =>
    new WeirProcess(topology.node.namespace, {
      flags: [`--manifests=${folder.path}`, ...flags],
      before,
    });
  let process = stack.use(start(flags));
  let port = FIRST_BARRIER_PORT;
  // One file is one delivery and one sync: who has the barrier has everything.
  const write = (objects: readonly (Service | EndpointSlice)[]) =>
    folder.write("served.json", [...objects, ...barrier(topology, port)]);
  const running = stack.move();
  return {
    get process() {
      return process;
    },
    pages: new Pages(agent),
    async serve(objects) {
      port++;
      await write(objects);
      const programmed = until("the barrier answers", async () => {
        const where = { transport: "tcp", address: BARRIER, port, timeout: patient(250) } as const;
        return (await topology.client.agent.connectOnce(where)).outcome === "answered";
      });
      const lost = process.ended().then(({ code }) => {
        throw new Error(`Cannot serve "${folder.path}": weir has ended with code ${code}`);
      });
      // weir ends after it has served, too, which is no matter then.
      lost.catch(() => {});
      try {
        await Promise.race([programmed, lost]);
      } catch (fault) {
        throw new Error(`${fault}\n${process.log}`);
      }
    },
    write,
    serveNode: (node) => folder.write("node.json", [node]),
    restart(others = flags) {
      process = running.use(start(others));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The flags that mean these settings. */
function flagsOf({ masqueradeAll, masqueradeBit, localMatches }: ProxierSettings): string[] {
  const cidrs = localMatches.flatMap((match) => match.type === "cidr" ? [match.cidr] : []);
  const prefixes = localMatches.flatMap((match) =>
    match.type === "interfacePrefix" ? [match.prefix] : []
  );
  assert.equal(cidrs.length + prefixes.length, localMatches.length, "no flags for such matches");
  return [
    ...(masqueradeAll ? ["--masquerade-all"] : []),
    `--iptables-masquerade-bit=${masqueradeBit}`,
    ...(cidrs.length > 0 ? [`--cluster-cidr=${cidrs.join(",")}`] : []),
    ...prefixes.flatMap((prefix) => [
      "--detect-local-mode=InterfaceNamePrefix",
      `--pod-interface-name-prefix=${prefix}`,
    ]),
  ];
}

/**
 * The whole of weir as what programs a node.
 *
 * @param topology Whose node.
 * @param settings What the proxier must know besides, as flags.
 * @returns The running proxy.
 */
export const startWeir: StartProgram = (topology, settings): Promise<NodeProgram> =>
  startOnManifests(topology, flagsOf(settings));

/** A topology whose node runs weir. */
export interface WeirCluster extends AsyncDisposable {
  /** The namespaces. */
  readonly topology: Topology;
  /** weir in its node. */
  readonly weir: WeirOnManifests;
}

/**
 * Builds a topology and starts weir in its node.
 *
 * @param flags Flags for weir.
 * @param before Words before its command, such as `setpriv …`.
 * @returns Both; to be disposed with `await using`.
 */
export async function startWeirCluster(
  flags: readonly string[] = [],
  before: readonly string[] = [],
): Promise<WeirCluster> {
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ port: TARGET_PORT }));
  const weir = stack.use(await startOnManifests(topology, flags, before));
  const running = stack.move();
  return { topology, weir, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
