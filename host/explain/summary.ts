/**
 * The shortest answer: what happens to connections, and what to look at when nothing answers.
 *
 * @module
 */
import type { ExplainedPort, Explanation } from "../../schemas/explanation.ts";
import type { SilentSource } from "../../schemas/silent_source.ts";
import { readSocket } from "./question.ts";

/** An explanation before its summary. */
export type Unsummarized = Omit<Explanation, "summary" | "milliseconds">;

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Of what is long, a sentence names the first. */
const MOST_NAMED = 8;
/** Sentences about service ports. */
const MOST_SENTENCES = 100;

function named(texts: readonly string[], inAll: number, separator = ", "): string {
  const first = texts.slice(0, MOST_NAMED);
  const more = inAll - first.length;
  return first.join(separator) + (more > 0 ? ` and ${more} more` : "");
}

/** `2 not ready, 1 terminating`: of those that serve nobody. */
function leftOut(endpointsLeftOut: ExplainedPort["endpointsLeftOut"] = {}): string {
  return Object.entries(endpointsLeftOut)
    .map(([code, count]) => `${count} ${code.replaceAll("-", " ")}`).join(", ");
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
  return addresses.flatMap(({ address, sources, sourcesMore = 0 }) => {
    if (sources === undefined) return [];
    const whom = named(sources, sources.length + sourcesMore) || "nobody";
    return [`${id}: ${address} takes connections only from ${whom}.`];
  });
}

function portSentences(port: ExplainedPort): string[] {
  const { id, endpoints, endpointsMore, addresses, addressesMore = 0, programmed } = port;
  const { slicesPassedOver, slicesPassedOverMore = 0, endpointsServing } = port;
  const sentences: string[] = [];
  const serving = endpointsServing?.any ?? 0;
  const inAll = endpoints.length + endpointsMore;
  const others = leftOut(port.endpointsLeftOut);
  const refused = addresses.filter(({ verdict }) => verdict === "reject" || verdict === "drop");
  if (refused.length > 0) {
    const what = new Set(refused.map(({ verdict }) => verdict === "drop" ? "dropped" : "rejected"));
    sentences.push(
      `${id}: connections to ${
        named(
          refused.map(({ address }) => address),
          refused.length + (refused.length === addresses.length ? addressesMore : 0),
        )
      } are ${[...what].join(" or ")}.`,
    );
  }
  if (inAll === 0) {
    const why = slicesPassedOver.length === 0
      ? "no EndpointSlice of it has one (a selector that matches no running pod?)"
      : named(
        slicesPassedOver.map(({ slice, reason }) => `slice ${slice}: ${reason}`),
        slicesPassedOver.length + slicesPassedOverMore,
        "; ",
      );
    sentences.push(`${id} has no endpoint: ${why}.`);
  } else {
    sentences.push(
      `${id}: ${plural(serving, "endpoint")} of ${inAll} ${serving === 1 ? "serves" : "serve"}${
        others === "" ? "" : ` (left out: ${others})`
      }.`,
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
  revision: number,
): string {
  const seconds = `${(milliseconds / 1000).toFixed(1)} s`;
  if (revision === 0 && failures === 0) {
    return `Nothing is programmed yet, ${seconds} after the start: the kernel has what was there before.`;
  }
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
  const { revision } = told;
  const older = [
    ...(unlanded === undefined ? [] : [unlandedSentence(unlanded, revision)]),
    ...(silent === undefined ? [] : [silentSentence(silent)]),
  ];
  if (service === undefined) return older;
  const name = `${service.namespace}/${service.name}`;
  if (notProxied !== undefined) return [`weir does nothing for ${name}: ${notProxied.reason}.`];
  const ofPorts = [
    ...ports.flatMap(portSentences),
    ...(told.asked.from === undefined ? ports.flatMap(sourceSentences) : []),
  ];
  const more = ofPorts.length - MOST_SENTENCES;
  const sentences = [...clientSentences(told), ...ofPorts.slice(0, MOST_SENTENCES)];
  if (more > 0) {
    sentences.push(
      `${plural(more, "more sentence")} about its ports: ask for one, as ${name}:PORT.`,
    );
  }
  if (told.notListed !== undefined) {
    const what = Object.entries(told.notListed).map(([list, count]) => `${count} of ${list}`);
    sentences.push(`Not all is listed: ${what.join(", ")} are left out.`);
  }
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
