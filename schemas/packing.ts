/**
 * Service ports on the wire: an endpoint is three values in a flat list instead of an object with
 * five names, which makes the JSON of a snapshot a third as long and twice as fast to write and
 * to read (tests/bench).
 *
 * @module
 */
import type { CallMethod, CallParams } from "./calls.ts";
import type { Diff, EndpointView, ServicePortView, Snapshot } from "./view.ts";

const LOCAL = 1;
const IN_CLUSTER = 2;
const IN_LOCAL = 4;

/** A service port whose endpoints are flat: address, port, flags, and so on. */
type PackedPort = Omit<ServicePortView, "endpoints"> & {
  readonly endpoints: readonly (string | number)[];
};

function packPort(port: ServicePortView): PackedPort {
  const endpoints: (string | number)[] = [];
  for (const endpoint of port.endpoints) {
    const flags = (endpoint.local ? LOCAL : 0) | (endpoint.inCluster ? IN_CLUSTER : 0) |
      (endpoint.inLocal ? IN_LOCAL : 0);
    endpoints.push(endpoint.ip, endpoint.port, flags);
  }
  return { ...port, endpoints };
}

function unpackPort(packed: PackedPort): ServicePortView {
  const endpoints: EndpointView[] = [];
  for (let index = 0; index < packed.endpoints.length; index += 3) {
    const flags = Number(packed.endpoints[index + 2]);
    endpoints.push({
      ip: String(packed.endpoints[index]),
      port: Number(packed.endpoints[index + 1]),
      local: (flags & LOCAL) !== 0,
      inCluster: (flags & IN_CLUSTER) !== 0,
      inLocal: (flags & IN_LOCAL) !== 0,
    });
  }
  return { ...packed, endpoints };
}

/**
 * Makes the parameters of a call ready for the wire.
 *
 * @param method The call.
 * @param params Its parameters.
 * @returns JSON that {@linkcode unpackParams} turns back.
 */
export function packParams<Method extends CallMethod>(
  method: Method,
  params: CallParams[Method],
): unknown {
  if (method === "resync") {
    const snapshot = params as Snapshot;
    return { ...snapshot, ports: snapshot.ports.map(packPort) };
  }
  if (method === "apply") {
    const diff = params as Diff;
    return { ...diff, upserts: diff.upserts.map(packPort) };
  }
  return params;
}

/**
 * Undoes {@linkcode packParams}.
 *
 * @param method The call.
 * @param packed What `packParams` made of its parameters; it comes from the host and is trusted.
 * @returns The parameters.
 */
export function unpackParams(method: CallMethod, packed: unknown): unknown {
  if (method === "resync") {
    const snapshot = packed as Omit<Snapshot, "ports"> & { readonly ports: readonly PackedPort[] };
    return { ...snapshot, ports: snapshot.ports.map(unpackPort) };
  }
  if (method === "apply") {
    const diff = packed as Omit<Diff, "upserts"> & { readonly upserts: readonly PackedPort[] };
    return { ...diff, upserts: diff.upserts.map(unpackPort) };
  }
  return packed;
}
