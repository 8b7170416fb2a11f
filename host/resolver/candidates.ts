/**
 * The endpoints of a service port, gathered from its slices.
 *
 * @module
 */
import type {
  EndpointSlice,
  IpFamily,
  Protocol,
  SliceEndpoint,
  SlicePort,
} from "../../schemas/kube.ts";
import { canonicalIp } from "./address.ts";
import { isPort, isProtocol } from "./ports.ts";
import type { Problem } from "./problem.ts";
import type { Candidate } from "./sets.ts";
import { sorting } from "./sorting.ts";
import type { PortWitness, SlicePortFate } from "./witness.ts";

/**
 * Orders duplicates, the better one first. Two pods can have one address while the older of them
 * is not fully gone; the running one is meant (kubernetes#135593: one that is not terminating
 * wins). What upstream leaves undefined is decided by the conditions, and then by the order of
 * the slices' names, so that the same objects always give the same answer.
 */
function preference(one: SliceEndpoint, other: SliceEndpoint): number {
  return Number(one.terminating) - Number(other.terminating) ||
    Number(other.ready) - Number(one.ready) ||
    Number(other.serving) - Number(one.serving);
}

function byAddress(one: Candidate, other: Candidate): number {
  if (one.ip !== other.ip) return one.ip < other.ip ? -1 : 1;
  return one.port - other.port || preference(one.endpoint, other.endpoint);
}

function isTwin(candidate: Candidate, before: Candidate | undefined): boolean {
  return before !== undefined && before.ip === candidate.ip && before.port === candidate.port;
}

/** Keeps the first, which is the preferred one, of each address and port. */
function withoutDuplicates(
  candidates: Candidate[],
  witness: PortWitness | undefined,
): readonly Candidate[] {
  const twins = candidates.some((candidate, index) => isTwin(candidate, candidates[index - 1]));
  if (!twins) return candidates;
  return candidates.filter((candidate, index) => {
    const twin = isTwin(candidate, candidates[index - 1]);
    if (twin) witness?.leftOut(candidate.endpoint, candidate.port, "duplicate");
    return !twin;
  });
}

function gatherSlice(
  slice: EndpointSlice,
  port: number,
  family: IpFamily,
  into: Candidate[],
  problems: Problem[],
  witness: PortWitness | undefined,
): void {
  let index = 0;
  for (const endpoint of slice.endpoints) {
    // discovery/v1: the addresses of an endpoint are fungible, and consumers use the first.
    const text = endpoint.addresses[0];
    const ip = text === undefined ? undefined : canonicalIp(text, family);
    if (ip === undefined) {
      witness?.leftOut(endpoint, port, "malformed-address");
      problems.push({
        object: `EndpointSlice ${slice.namespace}/${slice.name}`,
        path: `endpoints[${index}].addresses[0]`,
        message: `Cannot program "${text ?? ""}": it is no ${family} address`,
      });
    } else into.push({ ip, port, endpoint });
    index++;
  }
}

/** Gathers from one slice what a Service's port is served by. */
function readSlice(
  slice: EndpointSlice,
  port: { readonly name: string; readonly protocol: Protocol },
  family: IpFamily,
  into: Candidate[],
  problems: Problem[],
  witness: PortWitness | undefined,
): void {
  if (slice.addressType !== family) {
    witness?.slice(slice, "other-family");
    return;
  }
  if (slice.ports.length === 0) witness?.slice(slice, "other-name");
  for (const [index, slicePort] of slice.ports.entries()) {
    const fate = fateOf(slice, slicePort, index, port, problems);
    witness?.slice(slice, fate);
    if (fate === "read") gatherSlice(slice, slicePort.port, family, into, problems, witness);
  }
}

/** What is made of a slice's port for a Service's port. */
function fateOf(
  slice: EndpointSlice,
  port: SlicePort,
  index: number,
  wanted: { readonly name: string; readonly protocol: Protocol },
  problems: Problem[],
): SlicePortFate {
  if (port.name !== wanted.name) return "other-name";
  if (!isProtocol(port.protocol)) {
    problems.push({
      object: `EndpointSlice ${slice.namespace}/${slice.name}`,
      path: `ports[${index}].protocol`,
      message: `Cannot program "${port.protocol}": it is none of TCP, UDP and SCTP`,
    });
    return "malformed";
  }
  // 0 means "all ports", which upstream ignores too, and without a word: it is valid.
  if (port.port === 0) return "all-ports";
  if (isPort(port.port)) return port.protocol === wanted.protocol ? "read" : "other-protocol";
  problems.push({
    object: `EndpointSlice ${slice.namespace}/${slice.name}`,
    path: `ports[${index}].port`,
    message: `Cannot program "${port.port}": a port is 1–65535`,
  });
  return "malformed";
}

/**
 * Gathers the endpoints of one port of a Service in one family, from all of its slices.
 *
 * @param slices The Service's slices, sorted by name; those of another address type are passed
 * over, FQDN among them.
 * @param port The Service port's name ("" when unnamed) and protocol, which the slices' ports
 * must have too.
 * @param family The family wanted.
 * @param problems Receives what cannot be used.
 * @param witness Hears why, if anybody wants to know.
 * @returns The endpoints sorted by address text and port, none twice.
 */
export function gatherCandidates(
  slices: readonly EndpointSlice[],
  port: { readonly name: string; readonly protocol: Protocol },
  family: IpFamily,
  problems: Problem[],
  witness?: PortWitness,
): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const slice of slices) {
    readSlice(slice, port, family, candidates, problems, witness);
  }
  candidates.sort(byAddress);
  return withoutDuplicates(candidates, witness);
}

/**
 * Does what {@linkcode gatherCandidates} does, in steps.
 *
 * @param args The same.
 * @yields After each step; a step goes through one slice, or sorts some thousand endpoints.
 * @returns The same.
 */
export function* gatheringCandidates(
  ...[slices, port, family, problems, witness]: Parameters<typeof gatherCandidates>
): Generator<void, readonly Candidate[]> {
  const candidates: Candidate[] = [];
  for (const slice of slices) {
    readSlice(slice, port, family, candidates, problems, witness);
    yield;
  }
  return withoutDuplicates(yield* sorting(candidates, byAddress), witness);
}
