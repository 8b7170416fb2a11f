/**
 * What is different between two states of service ports, in lines that people read.
 *
 * @module
 */
import type { ViewChange } from "../../schemas/insight.ts";
import type { EndpointView, ExternalView, ServicePortView } from "../../schemas/view.ts";
import { sameView } from "../diff.ts";
import { sorting } from "../resolver/sorting.ts";
import { atOnce } from "./pace.ts";
import { socketText } from "./question.ts";

/** Lines about one service port. */
const MOST_DETAILS = 200;

function textOf({ ip, port }: EndpointView): string {
  return socketText(ip, port);
}

function setsOf({ inCluster, inLocal }: EndpointView): string {
  return [...(inCluster ? ["cluster"] : []), ...(inLocal ? ["local"] : [])].join(" and ");
}

function endpointLines(
  before: readonly EndpointView[],
  after: readonly EndpointView[],
): readonly string[] {
  const had = new Map(before.map((endpoint) => [textOf(endpoint), endpoint]));
  const has = new Map(after.map((endpoint) => [textOf(endpoint), endpoint]));
  const gone = [...had].filter(([text]) => !has.has(text));
  const come = [...has].filter(([text]) => !had.has(text));
  const moved = [...has].flatMap(([text, endpoint]) => {
    const former = had.get(text);
    return former === undefined || setsOf(former) === setsOf(endpoint)
      ? []
      : [`~ endpoint ${text}: ${setsOf(former)} → ${setsOf(endpoint)}`];
  });
  return [
    ...gone.map(([text, endpoint]) => `- endpoint ${text} (${setsOf(endpoint)})`),
    ...come.map(([text, endpoint]) => `+ endpoint ${text} (${setsOf(endpoint)})`),
    ...moved,
  ];
}

function listLines(name: string, before: readonly string[], after: readonly string[]): string[] {
  const [had, has] = [new Set(before), new Set(after)];
  return [
    ...before.filter((text) => !has.has(text)).map((text) => `- ${name} ${text}`),
    ...after.filter((text) => !had.has(text)).map((text) => `+ ${name} ${text}`),
  ];
}

function valueLine(name: string, before: unknown, after: unknown): string[] {
  return before === after ? [] : [`~ ${name}: ${before} → ${after}`];
}

function nodePortsOf(external: ExternalView | undefined): readonly string[] {
  return external === undefined || external.nodePort === 0 ? [] : [String(external.nodePort)];
}

function differences(before: ServicePortView, after: ServicePortView): readonly string[] {
  const [had, has] = [before.external, after.external];
  return [
    ...valueLine("cluster IP", before.clusterIP, after.clusterIP),
    ...valueLine("port", before.port, after.port),
    ...valueLine("internal traffic", before.internal, after.internal),
    ...(had === undefined || has === undefined
      ? []
      : valueLine("external traffic", had.verdict, has.verdict)),
    ...valueLine("affinity seconds", before.affinitySeconds, after.affinitySeconds),
    ...listLines("node port", nodePortsOf(had), nodePortsOf(has)),
    ...listLines("external IP", had?.externalIPs ?? [], has?.externalIPs ?? []),
    ...listLines("load balancer's IP", had?.loadBalancerIPs ?? [], has?.loadBalancerIPs ?? []),
    ...valueLine(
      "source ranges",
      had?.loadBalancerSources?.join(", ") ?? "everyone",
      has?.loadBalancerSources?.join(", ") ?? "everyone",
    ),
    ...endpointLines(before.endpoints, after.endpoints),
  ];
}

function newLines(view: ServicePortView): readonly string[] {
  const { external } = view;
  return [
    `+ cluster IP ${socketText(view.clusterIP, view.port)} (${view.internal})`,
    ...listLines("node port", [], nodePortsOf(external)),
    ...listLines("external IP", [], external?.externalIPs ?? []),
    ...listLines("load balancer's IP", [], external?.loadBalancerIPs ?? []),
    ...endpointLines([], view.endpoints),
  ];
}

function bounded(lines: readonly string[]): readonly string[] {
  const more = lines.length - MOST_DETAILS;
  return more > 0 ? [...lines.slice(0, MOST_DETAILS), `… and ${more} more`] : lines;
}

/**
 * Compares what a proxier was told with what it is to be told, in steps.
 *
 * @param before Service ports by id.
 * @param after Service ports by id.
 * @yields After each service port.
 * @returns Those that differ, sorted by id.
 */
export function* comparingViews(
  before: ReadonlyMap<string, ServicePortView>,
  after: ReadonlyMap<string, ServicePortView>,
): Generator<void, readonly ViewChange[]> {
  const changes: ViewChange[] = [];
  for (const [id, view] of after) {
    const former = before.get(id);
    if (former === undefined) {
      changes.push({ id, type: "added", details: bounded(newLines(view)) });
    } else if (!sameView(former, view)) {
      // What a plugin sees and no line tells is whether an endpoint is local.
      const lines = differences(former, view);
      const details = lines.length > 0 ? bounded(lines) : ["~ which endpoints are of this node"];
      changes.push({ id, type: "changed", details });
    }
    yield;
  }
  for (const id of before.keys()) {
    if (!after.has(id)) changes.push({ id, type: "removed", details: [] });
  }
  return yield* sorting(changes, (one, other) => one.id < other.id ? -1 : 1);
}

/**
 * Compares without a pause.
 *
 * @param args As for {@linkcode comparingViews}.
 * @returns The same.
 */
export function compareViews(
  ...args: Parameters<typeof comparingViews>
): readonly ViewChange[] {
  return atOnce(comparingViews(...args));
}
