/**
 * Random service ports and settings of the suite's small cluster, and random connections to them.
 *
 * @module
 */
import fc from "fast-check";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import type {
  EndpointView,
  ExternalView,
  LocalMatch,
  ProxierSettings,
  ServicePortView,
  Verdict,
} from "../../schemas/view.ts";
import type { Flow } from "./case.ts";
import {
  addressOf,
  BACKENDS,
  ELSEWHERE,
  NODE_ADDRESSES,
  type Server,
  SETTINGS,
  TARGET_PORT,
  VERSION,
} from "./world.ts";

const SERVERS = [...BACKENDS, ...ELSEWHERE] as const;
const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];
const PORTS = [80, 443];
const NODE_PORTS = [30_080, 30_081];
const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP"];
/** Few of each, so that service ports collide. */
const INDEXES = [1, 2, 3];

/** Another part of every range than the cases have. */
function address(kind: "cluster" | "external" | "balancer", family: IpFamily, index: number) {
  const [four, six] = {
    cluster: ["10.97.0", "fd00:10:97:"],
    external: ["198.18.255", "2001:db8:18:ff:"],
    balancer: ["198.19.255", "2001:db8:19:ff:"],
  }[kind];
  return family === "IPv4" ? `${four}.${index}` : `${six}:${index}`;
}

interface Sample {
  readonly service: number;
  readonly family: IpFamily;
  readonly protocol: Protocol;
  readonly port: number;
  readonly clusterIP: number;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  readonly external: {
    readonly externalIPs: readonly number[];
    readonly balancerIPs: readonly number[];
    readonly sources: readonly Server[] | undefined;
    readonly nodePort: number;
  } | undefined;
  readonly affinitySeconds: number;
  readonly cluster: readonly Server[];
  readonly local: readonly Server[];
}

/** As the resolver decides it. */
function verdict(local: boolean, sample: Sample): Verdict {
  if (sample.cluster.length === 0) return "reject";
  if (!local) return "cluster";
  return sample.local.length > 0 ? "local" : "drop";
}

function externalOf(sample: Sample): { readonly external?: ExternalView } {
  const { external, family } = sample;
  if (external === undefined) return {};
  const at = (kind: "external" | "balancer", indexes: readonly number[]) =>
    indexes.map((index) => address(kind, family, index));
  const bits = family === "IPv4" ? 32 : 128;
  const { sources } = external;
  return {
    external: {
      verdict: verdict(sample.externalLocal, sample),
      externalIPs: at("external", external.externalIPs),
      loadBalancerIPs: at("balancer", external.balancerIPs),
      ...sources === undefined
        ? {}
        : { loadBalancerSources: sources.map((name) => `${addressOf(name, family)}/${bits}`) },
      nodePort: external.nodePort,
    },
  };
}

function viewOf(sample: Sample): ServicePortView {
  const { service, family, protocol, port, cluster } = sample;
  const local = cluster.length === 0 ? [] : sample.local;
  const endpoints = SERVERS.filter((name) => cluster.includes(name) || local.includes(name))
    .map((name): EndpointView => ({
      ip: addressOf(name, family),
      port: TARGET_PORT,
      local: BACKENDS.some((here) => here === name),
      inCluster: cluster.includes(name),
      inLocal: local.includes(name),
    }));
  return {
    id: `random/s${service}:p${port}/${protocol}/${family}`,
    namespace: "random",
    name: `s${service}`,
    portName: `p${port}`,
    ...{ protocol, family, port },
    clusterIP: address("cluster", family, sample.clusterIP),
    internal: verdict(sample.internalLocal, sample),
    ...externalOf(sample),
    affinitySeconds: sample.affinitySeconds,
    endpoints: endpoints.sort((one, other) => one.ip < other.ip ? -1 : 1),
  };
}

const anyView = fc.record({
  service: fc.constantFrom(...INDEXES),
  family: fc.constantFrom(...FAMILIES),
  protocol: fc.constantFrom(...PROTOCOLS),
  port: fc.constantFrom(...PORTS),
  clusterIP: fc.constantFrom(...INDEXES),
  internalLocal: fc.boolean(),
  externalLocal: fc.boolean(),
  external: fc.option(
    fc.record({
      externalIPs: fc.subarray(INDEXES),
      balancerIPs: fc.subarray(INDEXES),
      sources: fc.option(fc.subarray([...SERVERS]), { nil: undefined }),
      nodePort: fc.constantFrom(0, ...NODE_PORTS),
    }),
    { nil: undefined },
  ),
  affinitySeconds: fc.constantFrom(0, 0, 1_000),
  cluster: fc.subarray([...SERVERS]),
  local: fc.subarray<Server>([...BACKENDS]),
}).map(viewOf);

const MATCHES: readonly (readonly LocalMatch[])[] = [
  SETTINGS.localMatches,
  [],
  [{ type: "interfacePrefix", prefix: "pod" }],
  [{ type: "interface", name: "pod0" }, { type: "interface", name: "pod1" }],
];

const anySettings: fc.Arbitrary<ProxierSettings> = fc.record({
  families: fc.constant(SETTINGS.families),
  masqueradeAll: fc.boolean(),
  masqueradeBit: fc.constantFrom(0, 14, 31),
  localMatches: fc.constantFrom(...MATCHES),
  nodePorts: fc.constantFrom(SETTINGS.nodePorts, { type: "every" } as const),
  serviceCIDRs: fc.constantFrom<readonly string[]>([], ["10.97.0.0/16", "fd00:10:97::/48"]),
  // Who counts must not send a packet elsewhere.
  countTraffic: fc.constant(true as const),
}, {
  requiredKeys: [
    ...["families", "masqueradeAll", "masqueradeBit"] as const,
    ...["localMatches", "nodePorts", "serviceCIDRs"] as const,
  ],
});

function anyDestination(family: IpFamily): fc.Arbitrary<string> {
  return fc.oneof(
    ...(["cluster", "external", "balancer"] as const).map((kind) =>
      fc.constantFrom(...INDEXES, 4).map((index) => address(kind, family, index))
    ),
    fc.constantFrom(
      addressOf("node", family),
      NODE_ADDRESSES.second[VERSION[family]],
      addressOf("backend-1", family),
    ),
  );
}

const anyFlow: fc.Arbitrary<Pick<Flow, "from" | "to">> = fc.constantFrom(...FAMILIES).chain(
  (family) =>
    fc.record({
      // The other node would drop its own address as a source that comes back from here.
      from: fc.constantFrom("client", "client", "backend-0", "node", "outside"),
      to: fc.record({
        address: anyDestination(family),
        port: fc.constantFrom(...PORTS, ...PORTS, ...NODE_PORTS),
        protocol: fc.constantFrom(...PROTOCOLS),
      }),
    }),
);

/** Service ports, sorted by id and none twice, as a snapshot has them. */
export const anyPorts: fc.Arbitrary<readonly ServicePortView[]> = fc.array(anyView, {
  minLength: 6,
  maxLength: 24,
}).map((views) => [...new Map(views.map((view) => [view.id, view])).values()])
  .map((views) => views.sort((one, other) => one.id < other.id ? -1 : 1));

/** A cluster: settings, service ports, other ones that take their place, and connections. */
export const anyCluster: fc.Arbitrary<{
  readonly settings: ProxierSettings;
  readonly before: readonly ServicePortView[];
  readonly after: readonly ServicePortView[];
  readonly flows: readonly Pick<Flow, "from" | "to">[];
}> = fc.record({
  settings: anySettings,
  before: anyPorts,
  after: anyPorts,
  flows: fc.array(anyFlow, { minLength: 80, maxLength: 80 }),
});
