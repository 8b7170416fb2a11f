/**
 * What weir tells of a Service, an address or a connection: `/debug/explain` answers it, and
 * `weir explain` and the pages show it. Readers pass over fields that they do not know.
 *
 * @module
 */
import * as v from "valibot";
import { SilentSourceSchema } from "./silent_source.ts";

const Text = v.string();
const Texts = v.pipe(v.array(Text), v.readonly());
const Count = v.number();

/** Something that is so and why, where one line of a table is not enough. */
const Reasoned = v.object({
  /** A stable word for programs, as `not-ready`. */
  code: Text,
  /** A sentence for people. */
  reason: Text,
});

/** Whether a set of endpoints has this one, and why. */
const MembershipSchema = v.object({
  /** Connections are sent to it. */
  serves: v.boolean(),
  ...Reasoned.entries,
});

const EndpointSchema = v.object({
  /** `10.244.1.7:8080`; as the slice has it when it is malformed. */
  address: Text,
  /** Name of the slice. */
  slice: Text,
  /** "" when unknown. */
  node: Text,
  /** "" when unknown. */
  zone: Text,
  ready: v.boolean(),
  serving: v.boolean(),
  terminating: v.boolean(),
  hintZones: Texts,
  hintNodes: Texts,
  /** For traffic policy Cluster. */
  cluster: MembershipSchema,
  /** For traffic policy Local. */
  local: MembershipSchema,
});

const AddressSchema = v.object({
  kind: v.picklist(["clusterIP", "externalIP", "loadBalancerIP", "nodePort"]),
  /** `10.96.0.1:80`; of a node port `*:30080` when it answers on every address of the node. */
  address: Text,
  verdict: v.picklist(["cluster", "local", "reject", "drop"]),
  /** Why this verdict. */
  reason: Text,
  /** CIDRs that may connect; absent when everyone may. */
  sources: v.optional(Texts),
  /** Those that are not listed, because there are too many. */
  sourcesMore: v.optional(Count),
});

const TrafficCountsSchema = v.object({ connections: Count, packets: Count, bytes: Count });

const PortSchema = v.object({
  /** As `default/web:http/TCP/IPv4`. */
  id: Text,
  portName: Text,
  protocol: v.picklist(["TCP", "UDP", "SCTP"]),
  family: v.picklist(["IPv4", "IPv6"]),
  port: Count,
  addresses: v.pipe(v.array(AddressSchema), v.readonly()),
  /** Addresses that are not listed, because there are too many. */
  addressesMore: v.optional(Count),
  /** Whom topology lets in, and why. */
  topology: Reasoned,
  /** Seconds of session affinity, 0 for none. */
  affinitySeconds: Count,
  /** Slices, and ports of them, that are not read for this service port. */
  slicesPassedOver: v.pipe(v.array(v.object({ slice: Text, ...Reasoned.entries })), v.readonly()),
  /** Slices passed over that are not listed, because there are too many. */
  slicesPassedOverMore: v.optional(Count),
  /** The endpoints of the slices that are read; those that serve first. */
  endpoints: v.pipe(v.array(EndpointSchema), v.readonly()),
  /** Endpoints that are not listed, because there are too many. */
  endpointsMore: Count,
  /** How many endpoints serve, listed or not: in each set, and in any. */
  endpointsServing: v.optional(v.object({ cluster: Count, local: Count, any: Count })),
  /** How many serve nobody, listed or not, by the stable word for why. */
  endpointsLeftOut: v.optional(v.record(Text, Count)),
  /** What the objects come to now is what the proxier was told last. */
  programmed: v.boolean(),
  /** What the kernel counted since the rules were made anew; absent when nothing counts. */
  traffic: v.optional(TrafficCountsSchema),
});

const StepSchema = v.object({ at: Text, match: Text, outcome: Text });

const WaySchema = v.object({
  /** The destination: `10.96.0.1:80`. */
  to: Text,
  protocol: v.picklist(["TCP", "UDP", "SCTP"]),
  /** What matches in the kernel, in order; none when the proxier has no rule for it. */
  steps: v.pipe(v.array(StepSchema), v.readonly()),
  /** Steps that are not listed, because there are too many. */
  stepsMore: v.optional(Count),
});

const ConnectionSchema = v.object({
  protocol: v.picklist(["TCP", "UDP", "SCTP"]),
  /** The client. */
  source: Text,
  /** Where it sent its first packet. */
  destination: Text,
  /** Who answers it. */
  endpoint: Text,
  /** As the answers are addressed: not `source` when it was masqueraded. */
  answeredTo: Text,
  /** Of TCP and SCTP: `ESTABLISHED`. */
  state: v.optional(Text),
  /** Seconds until the kernel forgets it. */
  timeout: v.optional(Count),
  /** Packets and bytes in both directions, where net.netfilter.nf_conntrack_acct is on. */
  packets: v.optional(Count),
  bytes: v.optional(Count),
});

/** The schema of an explanation, see {@linkcode Explanation}. */
export const ExplanationSchema = v.object({
  kind: v.literal("Explanation"),
  /** What was asked for. */
  asked: v.object({
    service: v.optional(Text),
    to: v.optional(Text),
    protocol: v.optional(Text),
    from: v.optional(Text),
  }),
  /** The shortest answer, in sentences: what happens and what to look at. */
  summary: Texts,
  /** This node, as the decisions see it. */
  node: v.object({ name: Text, zone: Text, addresses: Texts }),
  /** The revision that the proxier was told last; 0 before the first. */
  revision: Count,
  /**
   * Since when the kernel may have something else than the proxier was told, because a sync goes on
   * or has failed; absent when all that was told has landed.
   */
  unlanded: v.optional(v.object({
    /** For how many milliseconds. */
    milliseconds: v.number(),
    /** Syncs that have failed since the last that ended well. */
    failures: Count,
  })),
  /** Since when the source has not told of some objects; absent while it does. */
  silent: v.optional(SilentSourceSchema),
  /** The proxier in force. */
  proxier: Text,
  /** The Service that was found, as far as a proxy reads it. */
  service: v.optional(v.object({
    namespace: Text,
    name: Text,
    resourceVersion: Text,
    type: Text,
    clusterIPs: Texts,
    externalIPs: Texts,
    loadBalancer: Texts,
    loadBalancerSourceRanges: Texts,
    ports: Texts,
    internalTrafficPolicy: Text,
    externalTrafficPolicy: Text,
    sessionAffinity: Text,
    trafficDistribution: Text,
    publishNotReadyAddresses: v.boolean(),
    healthCheckNodePort: Count,
  })),
  /** Its slices. */
  slices: v.pipe(
    v.array(v.object({
      name: Text,
      resourceVersion: Text,
      addressType: Text,
      ports: Texts,
      endpoints: Count,
      lastChangeTriggerTime: Text,
    })),
    v.readonly(),
  ),
  /** A change of the Service waits for a sync. */
  pending: v.boolean(),
  /** Why no service proxy serves the Service. */
  notProxied: v.optional(Reasoned),
  /** What of the objects cannot be programmed. */
  problems: v.pipe(
    v.array(v.object({ object: Text, path: Text, message: Text })),
    v.readonly(),
  ),
  /** Addresses at which this node does not answer, with nothing wrong about them. */
  addressesLeftOut: v.pipe(
    v.array(v.object({ address: Text, path: Text, ...Reasoned.entries })),
    v.readonly(),
  ),
  ports: v.pipe(v.array(PortSchema), v.readonly()),
  /** The ways through the proxier's rules. */
  ways: v.pipe(v.array(WaySchema), v.readonly()),
  /** Why the proxier does not say what matches. */
  waysMissing: v.optional(Text),
  /** Tracked connections to the addresses that were asked for. */
  connections: v.optional(v.object({
    total: Count,
    /** The kernel's table was too large to look through whole: there may be more. */
    more: v.boolean(),
    listed: v.pipe(v.array(ConnectionSchema), v.readonly()),
  })),
  /** Why connections are not told. */
  connectionsMissing: v.optional(Text),
  /** How many are not listed because there are too many, by the list's path; only where some are. */
  notListed: v.optional(v.record(Text, Count)),
  /** Milliseconds that it took. */
  milliseconds: Count,
});

/** Why a Service, an address or a connection is treated as it is. */
export type Explanation = v.InferOutput<typeof ExplanationSchema>;

/** One port of a Service in one family. */
export type ExplainedPort = v.InferOutput<typeof PortSchema>;

/** An endpoint, with what was decided of it. */
export type ExplainedEndpoint = v.InferOutput<typeof EndpointSchema>;

/** An address at which a service port is reached, with what happens there. */
export type ExplainedAddress = v.InferOutput<typeof AddressSchema>;

/** What a new connection to one destination meets. */
export type ExplainedWay = v.InferOutput<typeof WaySchema>;

/** A tracked connection. */
export type ExplainedConnection = v.InferOutput<typeof ConnectionSchema>;
