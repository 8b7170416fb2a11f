/**
 * The Services that somebody looks for, one page of them.
 *
 * @module
 */
import type { Service } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import type { PageFacts } from "./facts.ts";

/** What is looked for. */
export interface ServiceSearch {
  /** Words that all must be found: in the name, or as the beginning of an address or a port. */
  readonly text: string;
  /** Only Services that some connection to is rejected or dropped. */
  readonly unserved: boolean;
  /** Counts from 1. */
  readonly page: number;
}

/** A Service as a row of the table. */
export interface ServiceRow {
  /** `namespace/name`. */
  readonly key: string;
  readonly service: Service | undefined;
  readonly views: readonly ServicePortView[];
}

/** One page of what was found. */
export interface ServicePage {
  readonly rows: readonly ServiceRow[];
  /** How many were found. */
  readonly found: number;
  /** How many there are. */
  readonly all: number;
  /** Counts from 1; the last one when a later one was asked for. */
  readonly page: number;
  /** At least 1. */
  readonly pages: number;
}

/** Rows of a page. */
const PAGE_ROWS = 50;

/** Characters of a search that are read. */
const MOST_TEXT = 200;

/**
 * Whether some connection to a service port finds nobody.
 *
 * @param view The service port.
 * @returns True when its policy, from inside or outside, has no endpoint.
 */
export function isUnserved({ internal, external }: ServicePortView): boolean {
  const nobody = (verdict: string | undefined) => verdict === "reject" || verdict === "drop";
  return nobody(internal) || nobody(external?.verdict);
}

/** A word that is looked for; what it can be is decided once, not for every Service. */
interface Word {
  readonly text: string;
  /** An address can begin so. */
  readonly address: boolean;
  /** A port can begin so. */
  readonly port: boolean;
}

function wordOf(text: string): Word {
  return { text, address: /^[0-9a-f:.]+$/.test(text), port: /^\d{1,5}$/.test(text) };
}

/** Whether an address or a port of a Service begins so. */
function hasAddress({ text, port }: Word, service: Service, views: readonly ServicePortView[]) {
  const begins = (address: string) => address.startsWith(text);
  return begins(service.clusterIP) || service.clusterIPs.some(begins) ||
    service.externalIPs.some(begins) || service.loadBalancerIngress.some(({ ip }) => begins(ip)) ||
    (port &&
      service.ports.some((one) =>
        begins(`${one.port}`) || (one.nodePort !== 0 && begins(`${one.nodePort}`))
      )) ||
    hasEndpoint(text, views);
}

function hasEndpoint(text: string, views: readonly ServicePortView[]): boolean {
  return views.some(({ endpoints }) => endpoints.some(({ ip }) => ip.startsWith(text)));
}

function matches(
  key: string,
  { tracker, revisions }: Pick<PageFacts, "tracker" | "revisions">,
  words: readonly Word[],
): boolean {
  // Most of what is asked for is a name, and names are at hand.
  const others = words.filter(({ text }) => !key.includes(text));
  if (others.length === 0) return true;
  if (others.some(({ address }) => !address)) return false;
  const views = revisions.of(key);
  const at = key.indexOf("/");
  const { service } = tracker.lookUp(key.slice(0, at), key.slice(at + 1));
  return others.every((word) =>
    service === undefined ? hasEndpoint(word.text, views) : hasAddress(word, service, views)
  );
}

/**
 * Looks for Services.
 *
 * @param facts Where.
 * @param search What for.
 * @returns The page that was asked for, sorted by name.
 */
export function findServices(
  facts: Pick<PageFacts, "tracker" | "revisions">,
  search: ServiceSearch,
): ServicePage {
  const { tracker, revisions } = facts;
  const words = search.text.slice(0, MOST_TEXT).toLowerCase().split(/\s+/).filter((word) =>
    word !== ""
  ).map(wordOf);
  const found: string[] = [];
  for (const key of tracker.keys()) {
    if (search.unserved && !revisions.of(key).some(isUnserved)) continue;
    if (matches(key, facts, words)) found.push(key);
  }
  found.sort();
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  const page = Math.min(pages, Math.max(1, search.page));
  const rows = found.slice((page - 1) * PAGE_ROWS, page * PAGE_ROWS).map((key) => {
    const [namespace = "", name = ""] = key.split("/");
    return { key, service: tracker.lookUp(namespace, name).service, views: revisions.of(key) };
  });
  return { rows, found: found.length, all: tracker.size, page, pages };
}
