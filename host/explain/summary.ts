/**
 * The shortest answer: what happens to connections, and what to look at when nothing answers.
 *
 * @module
 */
import type { ExplainedEndpoint, ExplainedPort, Explanation } from "../../schemas/explanation.ts";
import type { SilentSource } from "../../schemas/silent_source.ts";
import { readSocket } from "./question.ts";

/** An explanation before its summary. */
export type Unsummarized = Omit<Explanation, "summary" | "milliseconds">;

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function serves({ cluster, local }: ExplainedEndpoint): boolean {
  return cluster.serves || local.serves;
}

/** `2 not ready, 1 terminating`: of those that serve nobody. */
function leftOut(endpoints: readonly ExplainedEndpoint[]): string {
  const reasons = new Map<string, number>();
  for (const endpoint of endpoints) {
    if (serves(endpoint)) continue;
    // The set that is in use says why; "unused" says nothing.
    const { code } = endpoint.cluster.code === "unused" ? endpoint.local : endpoint.cluster;
    const word = code.replaceAll("-", " ");
    reasons.set(word, (reasons.get(word) ?? 0) + 1);
  }
  return [...reasons].map(([word, count]) => `${count} ${word}`).join(", ");
}

/** Whoever asks for one client wants to know of it, and not of the others whom all serve. */
function clientSentences({ asked: { from }, ways }: Unsummarized): string[] {
  if (from === undefined) return [];
  const client = readSocket(from)?.ip ?? from;
  return ways.flatMap(({ to, protocol, steps }) => {
    const last = steps.at(-1);
    // The proxier was told of the client where the family is the client's.
    const sameFamily = to.startsWith("[") === client.includes(":");
    if (last === undefined || !sameFamily || !/^(drop|reject)\b/.test(last.outcome)) return [];
    const what = last.outcome.startsWith("drop") ? "dropped" : "rejected";
    return [
      `${protocol} connections from ${client} to ${to} are ${what}: ${last.match} (${last.at}).`,
    ];
  });
}

/** Addresses that not everyone may use. */
function sourceSentences({ id, addresses }: ExplainedPort): string[] {
  return addresses.flatMap(({ address, sources }) =>
    sources === undefined
      ? []
      : [`${id}: ${address} takes connections only from ${sources.join(", ") || "nobody"}.`]
  );
}

function portSentences(port: ExplainedPort): string[] {
  const { id, endpoints, addresses, slicesPassedOver, programmed } = port;
  const sentences: string[] = [];
  const serving = endpoints.filter(serves).length;
  const others = leftOut(endpoints);
  const refused = addresses.filter(({ verdict }) => verdict === "reject" || verdict === "drop");
  if (refused.length > 0) {
    const what = new Set(refused.map(({ verdict }) => verdict === "drop" ? "dropped" : "rejected"));
    sentences.push(
      `${id}: connections to ${refused.map(({ address }) => address).join(", ")} are ${
        [...what].join(" or ")
      }.`,
    );
  }
  if (endpoints.length === 0) {
    const why = slicesPassedOver.length === 0
      ? "no EndpointSlice of it has one (a selector that matches no running pod?)"
      : slicesPassedOver.map(({ slice, reason }) => `slice ${slice}: ${reason}`).join("; ");
    sentences.push(`${id} has no endpoint: ${why}.`);
  } else {
    sentences.push(
      `${id}: ${plural(serving, "endpoint")} of ${endpoints.length} ${
        serving === 1 ? "serves" : "serve"
      }${others === "" ? "" : ` (left out: ${others})`}.`,
    );
  }
  if (!programmed) {
    sentences.push(`${id} is not in the kernel as the objects say it now: a sync has to come.`);
  }
  return sentences;
}

/** All that is told is by the objects that weir knew last. */
function silentSentence({ milliseconds, plural, reason, remedy }: SilentSource): string {
  return `Nothing is heard of ${plural} for ${(milliseconds / 1000).toFixed(1)} s, and what is ` +
    `told here may be older than what the API server has: ${reason} (${remedy}).`;
}

/** What is told is what the kernel is to have; this one says that it may have something older. */
function unlandedSentence(
  { failures, milliseconds }: NonNullable<Explanation["unlanded"]>,
): string {
  const seconds = `${(milliseconds / 1000).toFixed(1)} s`;
  return failures > 0
    ? `The kernel may still have older rules: nothing has landed for ${seconds}, ${
      plural(failures, "sync")
    } in a row failed; the log and /debug/traces say why.`
    : `The kernel may still have older rules: a sync has been under way for ${seconds}.`;
}

/**
 * Sums up.
 *
 * @param told All the rest.
 * @returns Sentences with full stops; none when nothing is known.
 */
export function summarize(told: Unsummarized): readonly string[] {
  const { service, notProxied, ports, problems, waysMissing, connections, unlanded, silent } = told;
  const older = [
    ...(unlanded === undefined ? [] : [unlandedSentence(unlanded)]),
    ...(silent === undefined ? [] : [silentSentence(silent)]),
  ];
  if (service === undefined) return older;
  const name = `${service.namespace}/${service.name}`;
  if (notProxied !== undefined) return [`weir does nothing for ${name}: ${notProxied.reason}.`];
  const sentences = [
    ...clientSentences(told),
    ...ports.flatMap(portSentences),
    ...(told.asked.from === undefined ? ports.flatMap(sourceSentences) : []),
  ];
  sentences.push(...older);
  if (problems.length > 0) sentences.push(`${plural(problems.length, "problem")} in its objects.`);
  if (waysMissing !== undefined) {
    sentences.push(`What the rules do is not all told: ${waysMissing}.`);
  }
  if (connections !== undefined && connections.total > 0) {
    sentences.push(`${plural(connections.total, "connection")} tracked.`);
  }
  return sentences;
}
