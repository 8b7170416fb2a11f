/**
 * What the kernel's sets and maps say, read as a packet would: for the tests of this plugin,
 * with the kernel or a fake of it.
 *
 * @module
 */
import type { IpFamily, NftClient } from "weir";
import { OBJECTS } from "./layout.ts";

/** The content of one family's table, without what only its history explains. */
export interface KernelContent {
  readonly clusterIps: readonly string[];
  readonly reject: readonly string[];
  readonly drop: readonly string[];
  readonly hairpins: readonly string[];
  /** The endpoints that a packet may be sent to, by service port, each sorted. */
  readonly services: Readonly<Record<string, readonly string[]>>;
}

/** The content, and the slots that no packet chooses any more. */
export interface KernelReading {
  readonly content: KernelContent;
  /** Spare slots, by service port: what they point at. */
  readonly spares: Readonly<Record<string, readonly string[]>>;
  /** Elements of `endpoints` that belong to no service port. */
  readonly orphans: readonly string[];
  /** Every element of `endpoints` by its key, and every count by service port. */
  readonly slots: ReadonlyMap<string, string>;
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * Reads a family's table.
 *
 * @param nft The capability.
 * @param family Which.
 * @returns What it says.
 * @throws {Error} When a count has no chain of its own or a slot in use is missing: packets would
 * then pass untranslated.
 */
export async function readKernel(nft: NftClient, family: IpFamily): Promise<KernelReading> {
  const of = OBJECTS[family];
  const keys = async (set: typeof of.clusterIps) =>
    (await nft.elements(set)).map((element) => element.key).sort();
  const chains = new Set(await nft.list("chains", of.table.family));
  const verdicts = new Map(
    (await nft.elements(of.endpointCounts)).map(({ key, data }) => [Number(key), data]),
  );
  const slots = new Map((await nft.elements(of.endpoints)).map(({ key, data }) => [key, data]));
  const counts = new Map(
    (await nft.elements(of.serviceEndpoints)).map(({ key, data }) => [key, Number(data)]),
  );
  const left = new Map(slots);
  const services: Record<string, readonly string[]> = {};
  const spares: Record<string, readonly string[]> = {};
  for (const [service, count] of counts) {
    const goto = `goto endpoints-${count}`;
    if (verdicts.get(count) !== goto || !chains.has(`endpoints-${count}`)) {
      throw new Error(`Cannot follow service port "${service}": its count ${count} has no chain`);
    }
    const endpoints: string[] = [];
    for (let slot = 0; slot < count; slot++) {
      const endpoint = slots.get(`${service} . ${slot}`);
      if (endpoint === undefined) {
        throw new Error(`Cannot follow service port "${service}": slot ${slot} is missing`);
      }
      endpoints.push(endpoint);
      left.delete(`${service} . ${slot}`);
    }
    services[service] = endpoints.sort();
    const spare: string[] = [];
    for (let slot = count; left.has(`${service} . ${slot}`); slot++) {
      spare.push(left.get(`${service} . ${slot}`) ?? "");
      left.delete(`${service} . ${slot}`);
    }
    if (spare.length > 0) spares[service] = spare;
  }
  return {
    content: {
      clusterIps: await keys(of.clusterIps),
      reject: await keys(of.rejectServices),
      drop: await keys(of.dropServices),
      hairpins: await keys(of.hairpinConnections),
      services: Object.fromEntries(Object.entries(services).sort()),
    },
    spares,
    orphans: [...left.keys()],
    slots,
    counts,
  };
}
