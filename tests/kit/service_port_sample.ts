/**
 * Service ports for tests of proxiers: few addresses, so that changes collide.
 *
 * @module
 */
import fc from "fast-check";
import type { EndpointView, ExternalView, ServicePortView, Verdict } from "../../schemas/view.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";

/** What a sample is made of. */
export interface Sample {
  readonly service: number;
  readonly family: IpFamily;
  readonly protocol: Protocol;
  readonly port: number;
  /** Which of a few cluster IPs. */
  readonly address: number;
  readonly internal: Verdict;
  /** Seconds; none when absent. */
  readonly affinitySeconds?: number;
  /** How it is reached from outside; not at all when absent. */
  readonly external?: {
    readonly verdict: Verdict;
    /** Last parts of external IPs. */
    readonly externalIPs?: readonly number[];
    /** Last parts of a load balancer's IPs. */
    readonly loadBalancerIPs?: readonly number[];
    /** CIDRs; everyone may connect when absent. */
    readonly sources?: readonly string[];
    readonly nodePort?: number;
  };
  readonly endpoints: readonly {
    readonly host: number;
    readonly port: number;
    readonly local: boolean;
    readonly set: "cluster" | "local" | "both";
  }[];
}

/** Addresses of pods of this sample cluster. */
function podAddress(family: IpFamily, host: number): string {
  return family === "IPv4" ? `10.244.0.${host}` : `fd00:10:244::${host.toString(16)}`;
}

/** Addresses of the outside world. */
function outsideAddress(family: IpFamily, host: number): string {
  return family === "IPv4" ? `192.0.2.${host}` : `2001:db8::${host.toString(16)}`;
}

function externalOf(
  { family, external }: Sample,
): { readonly external?: ExternalView } {
  if (external === undefined) return {};
  const { verdict, externalIPs = [], loadBalancerIPs = [], sources, nodePort = 0 } = external;
  return {
    external: {
      verdict,
      externalIPs: externalIPs.map((host) => outsideAddress(family, host)),
      loadBalancerIPs: loadBalancerIPs.map((host) => outsideAddress(family, host)),
      ...(sources === undefined ? {} : { loadBalancerSources: sources }),
      nodePort,
    },
  };
}

function endpoint(family: IpFamily, of: Sample["endpoints"][number]): EndpointView {
  return {
    ip: podAddress(family, of.host),
    port: of.port,
    local: of.local,
    inCluster: of.set !== "local",
    inLocal: of.set !== "cluster",
  };
}

/**
 * Makes a view as the resolver would.
 *
 * @param sample What it is made of.
 * @returns The view; its endpoints are sorted, none twice.
 */
export function viewOf(sample: Sample): ServicePortView {
  const { service, family, protocol, port } = sample;
  const seen = new Map(
    sample.endpoints.map((each) => [`${each.host}:${each.port}`, endpoint(family, each)]),
  );
  return {
    id: `default/s${service}:p${port}/${protocol}/${family}`,
    namespace: "default",
    name: `s${service}`,
    portName: `p${port}`,
    protocol,
    family,
    clusterIP: family === "IPv4" ? `10.96.0.${sample.address}` : `fd00:96::${sample.address}`,
    port,
    internal: sample.internal,
    ...externalOf(sample),
    affinitySeconds: sample.affinitySeconds ?? 0,
    endpoints: [...seen.values()].sort((one, other) =>
      one.ip < other.ip ? -1 : one.ip > other.ip ? 1 : one.port - other.port
    ),
  };
}

const endpointSample = fc.record({
  host: fc.integer({ min: 1, max: 6 }),
  port: fc.constantFrom(80, 8080),
  local: fc.boolean(),
  set: fc.constantFrom("cluster" as const, "local" as const, "both" as const),
});

const verdict = fc.constantFrom<Verdict>("cluster", "cluster", "local", "local", "reject", "drop");

/** How a service port may be reached from outside; addresses and node ports collide. */
const anyExternal = fc.record({
  verdict,
  externalIPs: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
  loadBalancerIPs: fc.uniqueArray(fc.integer({ min: 11, max: 13 }), { maxLength: 2 }),
  nodePort: fc.constantFrom(0, 30_080, 30_081),
});

const SOURCES = {
  IPv4: [[], ["10.0.0.0/8"], ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.12/32"]],
  IPv6: [[], ["fd00::/8"], ["fd00::/8", "fd00:1::/64", "2001:db8::c/128"]],
} as const;

/** Any service port of a small cluster in which addresses are sometimes taken twice. */
export const anyView: fc.Arbitrary<ServicePortView> = fc.record({
  service: fc.integer({ min: 1, max: 4 }),
  family: fc.constantFrom<IpFamily>("IPv4", "IPv6"),
  protocol: fc.constantFrom<Protocol>("TCP", "UDP", "SCTP"),
  port: fc.constantFrom(80, 443),
  address: fc.integer({ min: 1, max: 3 }),
  internal: verdict,
  affinitySeconds: fc.constantFrom(0, 0, 60, 10_800),
  external: fc.option(anyExternal, { nil: undefined }),
  sources: fc.option(fc.constantFrom(0, 1, 2), { nil: undefined }),
  endpoints: fc.array(endpointSample, { maxLength: 8 }),
}).map(({ external, sources, ...sample }) =>
  viewOf({
    ...sample,
    ...(external === undefined ? {} : {
      external: {
        ...external,
        ...(sources === undefined ? {} : { sources: SOURCES[sample.family][sources] ?? [] }),
      },
    }),
  })
);

/** Any change: service ports that come or change, and service ports that go. */
export const anyChange: fc.Arbitrary<{
  readonly upserts: readonly ServicePortView[];
  readonly removes: readonly ServicePortView[];
}> = fc.record({
  upserts: fc.array(anyView, { maxLength: 5 }),
  removes: fc.array(anyView, { maxLength: 3 }),
});
