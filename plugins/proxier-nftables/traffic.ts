/**
 * What the kernel has counted of service ports: connections where an endpoint set is chosen, packets
 * by the address and port that their connection went to.
 *
 * @module
 */
import type { IpFamily, NftClient, ServicePortTraffic } from "weir";
import { addressLength, binary, writeWords } from "./bytes.ts";
import type { Mirror } from "./mirror.ts";
import { OBJECTS, type Space } from "./objects.ts";

/** What service ports got, by id. Most of a large cluster's are not used from a node. */
export type Traffic = ReadonlyMap<string, ServicePortTraffic>;

const SPACES: readonly Space[] = ["service", "nodeport"];

const NOTHING: ServicePortTraffic = { connections: 0, packets: 0, bytes: 0 };

/** Addresses are in the keys of one of the spaces only. */
function addressOf(family: IpFamily, space: Space): number {
  return space === "service" ? addressLength(family) : 0;
}

/** The key of a claim: fields are padded to words in the kernel, and not there. */
function claimKey(words: Uint32Array, addressBytes: number): string {
  const bytes: number[] = [];
  const fields = addressBytes >> 2;
  for (let index = 0; index < fields; index++) {
    const word = words[index] ?? 0;
    bytes.push(word & 0xff, word >> 8 & 0xff, word >> 16 & 0xff, word >>> 24);
  }
  const port = words[fields + 1] ?? 0;
  bytes.push((words[fields] ?? 0) & 0xff, port & 0xff, port >> 8 & 0xff);
  return binary(bytes);
}

function claimWords(key: string, addressBytes: number): Uint32Array {
  const words = new Uint32Array((addressBytes >> 2) + 2);
  let at = writeWords(key, 0, addressBytes, words, 0);
  at = writeWords(key, addressBytes, 1, words, at);
  writeWords(key, addressBytes + 1, 2, words, at);
  return words;
}

/** The keys of some service ports' counters in one family's table. */
interface CounterKeys {
  readonly sets: readonly Uint32Array[];
  readonly spaces: Readonly<Record<Space, readonly Uint32Array[]>>;
}

function keysOf(mirror: Mirror, family: IpFamily, ids: readonly string[]): CounterKeys {
  const counters = ids.flatMap((id) => mirror.countersOf(id) ?? [])
    .filter((counter) => counter.family === family);
  const claims = counters.flatMap((counter) => counter.claims);
  const wordsOf = (space: Space) =>
    claims.filter((claim) => claim.space === space)
      .map(({ key }) => claimWords(key, addressOf(family, space)));
  return {
    sets: counters.flatMap(({ sets }) => sets.map((number) => new Uint32Array([number]))),
    spaces: { service: wordsOf("service"), nodeport: wordsOf("nodeport") },
  };
}

/**
 * Reads counters. Who reads all of them asks for no ids: what the kernel lists leads to its service
 * port, so that only what is used costs anything.
 *
 * @param mirror What is in the kernel; it must not change meanwhile.
 * @param nft The table.
 * @param ids Of the service ports whose counters are looked up one by one; all when absent.
 * @returns What those got that got anything.
 */
export async function readTraffic(
  mirror: Mirror,
  nft: NftClient,
  ids?: readonly string[],
): Promise<Traffic> {
  const found = new Map<string, { -readonly [Key in keyof ServicePortTraffic]: number }>();
  const at = (id: string) => {
    const known = found.get(id);
    if (known !== undefined) return known;
    const fresh = { connections: 0, packets: 0, bytes: 0 };
    found.set(id, fresh);
    return fresh;
  };
  for (const family of mirror.settings.families) {
    const { setConnections, spaces } = OBJECTS[family];
    const keys = ids === undefined ? undefined : keysOf(mirror, family, ids);
    // Chains of type nat see a connection's first packet only.
    await nft.counted(setConnections, ([number = 0], packets) => {
      const id = mirror.idOfSet(family, number);
      if (id !== undefined) at(id).connections += packets;
    }, keys?.sets);
    for (const space of SPACES) {
      await nft.counted(spaces[space].packets, (words, packets, bytes) => {
        const key = claimKey(words, addressOf(family, space));
        const id = mirror.idOfKey(family, space, key);
        if (id === undefined) return;
        const traffic = at(id);
        traffic.packets += packets;
        traffic.bytes += bytes;
      }, keys?.spaces[space]);
    }
  }
  return found;
}

/**
 * What a service port got.
 *
 * @param traffic As it was read.
 * @param id Of the service port.
 * @returns Zeros for one that got nothing, or is not there.
 */
export function trafficOf(traffic: Traffic, id: string): ServicePortTraffic {
  return traffic.get(id) ?? NOTHING;
}
