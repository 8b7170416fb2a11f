/**
 * Makes everything ready that another configuration needs, beside what is in force.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import type { WeirError } from "../../schemas/errors.ts";
import type { Node } from "../../schemas/kube.ts";
import type { Prepared } from "../prepared.ts";
import type { PreparedSource } from "../source/feed.ts";
import { compareConfigs, type Part } from "./parts.ts";

/** Who makes what ready; each rejects when it cannot, and nothing of it stays then. */
export interface Makers {
  /** Why a configuration does not fit this node; undefined when it does. */
  readonly misfit: (next: WeirConfig) => WeirError | undefined;
  readonly logging: (next: WeirConfig) => Prepared;
  readonly servers: (next: WeirConfig) => Promise<Prepared>;
  readonly source: (next: WeirConfig) => Promise<PreparedSource>;
  readonly localTraffic: (next: WeirConfig, node: Node | undefined) => Promise<Prepared>;
  /** This Node, as the source in force has it. */
  readonly node: () => Node | undefined;
  /** Tells which proxier a configuration asks for. */
  readonly proxierIdentity: (config: WeirConfig) => string;
  /** Puts another proxier in force; rejects when it cannot, and the former one goes on. */
  readonly switchProxier: (next: WeirConfig) => Promise<void>;
}

/** A configuration made ready. */
export interface ReadyConfig {
  /**
   * Tells whether a part is another.
   *
   * @param parts Some parts.
   * @returns Whether a field of any of them differs.
   */
  touched(...parts: readonly Part[]): boolean;
  /** Puts in force what was made ready. */
  commit(): void;
}

/**
 * Makes another configuration ready, each part in the order in which one needs the other. When one
 * cannot be made ready, none of them is.
 *
 * @param before The configuration in force.
 * @param next The other one.
 * @param makers Who makes what ready.
 * @returns What is to be put in force.
 * @throws {WeirError} WEIR_CONFIG_INVALID or WEIR_KERNEL when it does not fit the node, or whatever the
 * first part throws that cannot be made ready.
 */
export async function makeReady(
  before: WeirConfig,
  next: WeirConfig,
  makers: Makers,
): Promise<ReadyConfig> {
  const changed = new Set(compareConfigs(before, next).map(({ part }) => part));
  const touched = (...parts: readonly Part[]) => parts.some((part) => changed.has(part));
  const misfit = makers.misfit(next);
  if (misfit !== undefined) throw misfit;
  const ready: Prepared[] = [];
  try {
    let node = makers.node();
    if (touched("logging")) ready.push(makers.logging(next));
    if (touched("servers")) ready.push(await makers.servers(next));
    if (touched("source", "node")) {
      const source = await makers.source(next);
      ready.push(source);
      node = source.node(next.nodeName);
    }
    if (touched("detection", "node", "plugins")) {
      ready.push(await makers.localTraffic(next, node));
    }
    // Last, because it cannot be dropped any more once it has succeeded.
    if (makers.proxierIdentity(next) !== makers.proxierIdentity(before)) {
      await makers.switchProxier(next);
    }
  } catch (thrown) {
    for (const part of ready) part.abort();
    throw thrown;
  }
  return { touched, commit: () => ready.forEach((part) => part.commit()) };
}
