/**
 * What the kernel's sets and maps say, read as a packet would: for the tests of this plugin,
 * with the kernel or a fake of it.
 *
 * @module
 */
import { type IpFamily, type NftClient, set } from "weir";
import type { Way } from "./layout.ts";
import { OBJECTS, type PlainSet, type Space } from "./objects.ts";

/** What happens to connections to a key, without what only its history explains. */
export interface KeyContent {
  /** The endpoints that a packet may be sent to, sorted; undefined when it is not balanced. */
  readonly endpoints?: readonly string[];
  /** The same for who connects from this node, where that differs by policy. */
  readonly nodeEndpoints?: readonly string[];
  /** Which other sets hold it: `reject`, `drop`, `masquerade`, `localPolicy`. */
  readonly flags: readonly string[];
  /** Seconds of session affinity. */
  readonly affinity?: string;
  /** Where the ranges of who may connect begin and end, for a load balancer not for everyone. */
  readonly sources?: readonly string[];
}

/** The content of one family's table. */
export interface KernelContent {
  readonly clusterIps: readonly string[];
  readonly nodeportIps: readonly string[];
  readonly hairpins: readonly string[];
  readonly services: Readonly<Record<string, KeyContent>>;
  readonly nodePorts: Readonly<Record<string, KeyContent>>;
}

/** The content, and what no packet chooses any more. */
export interface KernelReading {
  readonly content: KernelContent;
  /** Elements of `endpoints`, `affinity-slots` and `set-sizes` that nothing leads to. */
  readonly orphans: readonly string[];
  /** Every element of `endpoints` by its key. */
  readonly slots: ReadonlyMap<string, string>;
  /** The endpoint set of every key, by the map and the key. */
  readonly sets: ReadonlyMap<string, string>;
}

/**
 * Reads a family's table.
 *
 * @param nft The capability.
 * @param family Which.
 * @returns What it says.
 * @throws {Error} When a set has no size or chain, or a slot in use is missing: packets would then
 * pass untranslated.
 */
export async function readKernel(nft: NftClient, family: IpFamily): Promise<KernelReading> {
  const of = OBJECTS[family];
  const chains = new Set(await nft.list("chains", of.table.family));
  const names = new Set(await nft.list("sets", of.table.family));
  const read = async (set: PlainSet) =>
    new Map(
      names.has(set.name)
        ? (await nft.elements(set)).map(({ key, data }) => [key, data] as const)
        : [],
    );
  const slots = await read(of.endpoints);
  const seats = await read(of.affinitySlots);
  const sizes = await read(of.setSizes);
  const left = {
    endpoints: new Set(slots.keys()),
    seats: new Set(seats.keys()),
    sizes: new Set(sizes.keys()),
  };
  const sets = new Map<string, string>();

  const follow = (verdicts: ReadonlyMap<string, string>, map: string, set: string) => {
    const fail = (why: string) => new Error(`Cannot follow endpoint set "${set}": ${why}`);
    const size = sizes.get(set);
    const verdict = size === undefined ? undefined : verdicts.get(size);
    const chain = verdict?.replace("goto ", "");
    if (chain === undefined || !chains.has(chain)) throw fail(`its size ${size} has no chain`);
    const [, count = "", affinity] = chain.slice(map.length).match(/^-(\d+)(?:-(\d+)s)?$/) ?? [];
    left.sizes.delete(set);
    const endpoints: string[] = [];
    for (let slot = 0; slot < Number(count); slot++) {
      const key = `${set} . ${slot}`;
      const seat = affinity === undefined ? slot : Number(seats.get(key));
      const endpoint = slots.get(`${set} . ${seat}`);
      if (endpoint === undefined) throw fail(`slot ${slot} is missing`);
      endpoints.push(endpoint);
      left.seats.delete(key);
      left.endpoints.delete(`${set} . ${seat}`);
    }
    return { endpoints: endpoints.sort(), affinity };
  };

  const firewalls = await read(of.firewalls);
  const checks = new Map(
    (await nft.elements(of.firewallChains)).map(({ key, data }) => [key, data]),
  );
  const ranges = async (number: string) => {
    const name = `firewall-${Number(number)}`;
    if (checks.get(number) !== `goto ${name}` || !chains.has(name)) {
      throw new Error(`Cannot follow firewall "${number}": it has no chain`);
    }
    const address = family === "IPv4" ? "ipv4_addr" : "ipv6_addr";
    const sources = set(of.table, `${name}-sources`, [address], { flags: ["interval"] });
    return (await nft.elements(sources)).map(({ key }) => key).sort();
  };
  const space = async (name: Space): Promise<Record<string, KeyContent>> => {
    const objects = of.spaces[name];
    const content = new Map<string, { -readonly [Key in keyof KeyContent]: KeyContent[Key] }>();
    const at = (key: string) => {
      const known = content.get(key) ?? { flags: [] };
      content.set(key, known);
      return known;
    };
    for (const [way, field] of [["sets", "endpoints"], ["nodeSets", "nodeEndpoints"]] as const) {
      const map = objects[way satisfies Way];
      const verdicts = new Map(
        (await nft.elements(way === "sets" ? objects.chains : objects.nodeChains))
          .map(({ key, data }) => [key, data]),
      );
      for (const [key, set] of await read(map)) {
        sets.set(`${map.name} ${key}`, set);
        const { endpoints, affinity } = follow(verdicts, map.name, set);
        at(key)[field] = endpoints;
        if (affinity !== undefined) at(key).affinity = affinity;
      }
    }
    for (const flag of ["reject", "drop", "masquerade", "localPolicy"] as const) {
      for (const key of (await read(objects[flag])).keys()) {
        at(key).flags = [...at(key).flags, flag];
      }
    }
    if (name === "service") {
      for (const [key, number] of firewalls) {
        at(key).sources = await ranges(number);
      }
    }
    return Object.fromEntries([...content].sort(([one], [other]) => one < other ? -1 : 1));
  };
  const keys = async (set: PlainSet) => [...(await read(set)).keys()].sort();
  const content: KernelContent = {
    clusterIps: await keys(of.clusterIps),
    nodeportIps: await keys(of.nodeportIps),
    hairpins: await keys(of.hairpinConnections),
    services: await space("service"),
    nodePorts: await space("nodeport"),
  };
  return {
    content,
    orphans: [
      ...[...left.endpoints].map((key) => `endpoints ${key}`),
      ...[...left.seats].map((key) => `affinity-slots ${key}`),
      ...[...left.sizes].map((key) => `set-sizes ${key}`),
    ],
    slots,
    sets,
  };
}
