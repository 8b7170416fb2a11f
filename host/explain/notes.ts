/**
 * What a witness hears of one service port's endpoints while the resolver decides.
 *
 * @module
 */
import type { ExplainedEndpoint, ExplainedPort } from "../../schemas/explanation.ts";
import type { EndpointSlice, SliceEndpoint } from "../../schemas/kube.ts";
import type { ResolverNode } from "../resolver/node.ts";
import { serves } from "../resolver/sets.ts";
import type {
  CandidateFate,
  Membership,
  PortWitness,
  SlicePortFate,
  WitnessedEndpoint,
} from "../resolver/witness.ts";
import { socketText } from "./question.ts";
import { candidateReason, membershipReason, SLICE_FATES, topologyReason } from "./words.ts";

/** An endpoint as it was decided on, to be described if it is told of. */
interface Noted {
  readonly endpoint: SliceEndpoint;
  readonly address: string;
  readonly port: number;
  readonly cluster: Membership | CandidateFate;
  readonly local: Membership | CandidateFate;
}

function isFate(code: Membership | CandidateFate): code is CandidateFate {
  return code === "malformed-address" || code === "duplicate";
}

/** What a witness heard about one service port: all is counted, and as much kept as is told. */
export class Notes implements PortWitness {
  readonly #node: ResolverNode;
  readonly #most: number;
  readonly #mostSlices: number;
  readonly #serving: Noted[] = [];
  readonly #others: Noted[] = [];
  readonly #tally = new Map<string, number>();
  readonly #served = { cluster: 0, local: 0, any: 0 };
  #inAll = 0;
  /** The slice that is read now, and what was made of it so far. */
  #slice: { readonly name: string; fate: SlicePortFate } | undefined;
  readonly #passedOver: { slice: string; code: string; reason: string }[] = [];
  #passedOverMore = 0;
  #topology: ExplainedPort["topology"] = { code: "everyone", reason: "" };

  /**
   * @param node The node for which is resolved.
   * @param most Endpoints that are told of.
   * @param mostSlices Slices passed over that are told of.
   */
  constructor(node: ResolverNode, most: number, mostSlices: number) {
    this.#node = node;
    this.#most = most;
    this.#mostSlices = mostSlices;
  }

  slice({ name }: EndpointSlice, fate: SlicePortFate): void {
    if (this.#slice?.name !== name) {
      this.#endSlice();
      this.#slice = { name, fate };
    } else if (this.#slice.fate !== "read" && fate !== "other-name") {
      // One that is read by any of its ports is read. What was nearest to being read says most:
      // another name says least.
      this.#slice.fate = fate;
    }
  }

  #endSlice(): void {
    if (this.#slice === undefined || this.#slice.fate === "read") return;
    const { name, fate } = this.#slice;
    if (this.#passedOver.length >= this.#mostSlices) this.#passedOverMore++;
    else this.#passedOver.push({ slice: name, code: fate, reason: SLICE_FATES[fate] });
  }

  leftOut(endpoint: SliceEndpoint, port: number, fate: CandidateFate): void {
    this.#note(endpoint, endpoint.addresses[0] ?? "", port, fate, fate);
  }

  topology(...[topology, ignored]: Parameters<PortWitness["topology"]>): void {
    this.#topology = topologyReason(topology, ignored, this.#node);
  }

  decided(candidate: WitnessedEndpoint, cluster: Membership, local: Membership): void {
    this.#note(candidate.endpoint, candidate.ip, candidate.port, cluster, local);
  }

  #note(
    endpoint: SliceEndpoint,
    address: string,
    port: number,
    cluster: Noted["cluster"],
    local: Noted["local"],
  ): void {
    this.#inAll++;
    const inCluster = !isFate(cluster) && serves(cluster);
    const inLocal = !isFate(local) && serves(local);
    const serving = inCluster || inLocal;
    if (inCluster) this.#served.cluster++;
    if (inLocal) this.#served.local++;
    if (serving) this.#served.any++;
    else {
      // The set that is in use says why; "unused" says nothing.
      const code = cluster === "unused" ? local : cluster;
      this.#tally.set(code, (this.#tally.get(code) ?? 0) + 1);
    }
    const into = serving ? this.#serving : this.#others;
    if (into.length < this.#most) into.push({ endpoint, address, port, cluster, local });
  }

  /** The endpoints that are told of: at least half a share for who serves, and for who does not. */
  get #told(): readonly Noted[] {
    const half = Math.ceil(this.#most / 2);
    const serving = this.#serving.slice(0, Math.max(half, this.#most - this.#others.length));
    return [...serving, ...this.#others.slice(0, this.#most - serving.length)];
  }

  /**
   * Adds the endpoints that are told of.
   *
   * @param into Receives them.
   */
  gather(into: Set<SliceEndpoint>): void {
    for (const { endpoint } of this.#told) into.add(endpoint);
  }

  /**
   * Describes, once all has been heard.
   *
   * @param sliceOf Names of the slices of the endpoints that are told of.
   * @returns What is told.
   */
  described(sliceOf: ReadonlyMap<SliceEndpoint, string>): Pick<
    ExplainedPort,
    | "topology"
    | "slicesPassedOver"
    | "slicesPassedOverMore"
    | "endpoints"
    | "endpointsMore"
    | "endpointsServing"
    | "endpointsLeftOut"
  > {
    this.#endSlice();
    this.#slice = undefined;
    const endpoints = this.#told.map((noted) => this.#endpoint(noted, sliceOf));
    return {
      topology: this.#topology,
      slicesPassedOver: this.#passedOver,
      ...(this.#passedOverMore === 0 ? {} : { slicesPassedOverMore: this.#passedOverMore }),
      endpoints,
      endpointsMore: this.#inAll - endpoints.length,
      endpointsServing: this.#served,
      endpointsLeftOut: Object.fromEntries(this.#tally),
    };
  }

  #endpoint(
    { endpoint, address, port, cluster, local }: Noted,
    sliceOf: ReadonlyMap<SliceEndpoint, string>,
  ): ExplainedEndpoint {
    const { nodeName, zone, ready, serving, terminating, hintZones, hintNodes } = endpoint;
    const told = (code: Noted["cluster"]) =>
      isFate(code)
        ? { serves: false, code, reason: candidateReason(code) }
        : { serves: serves(code), code, reason: membershipReason(code, endpoint, this.#node) };
    return {
      address: socketText(address, port),
      slice: sliceOf.get(endpoint) ?? "",
      node: nodeName,
      zone,
      ready,
      serving,
      terminating,
      hintZones,
      hintNodes,
      cluster: told(cluster),
      local: told(local),
    };
  }
}
