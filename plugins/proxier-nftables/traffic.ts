/**
 * What the kernel has counted of service ports: connections where an endpoint set is chosen, packets
 * by the address and port that their connection went to.
 *
 * @module
 */
import type { IpFamily, ListedElement, NftClient, ServicePortTraffic } from "weir";
import { addressLength, binary } from "./bytes.ts";
import type { Mirror } from "./mirror.ts";
import { OBJECTS, type Space } from "./objects.ts";

/** What one counter counted. */
interface Packets {
  readonly packets: number;
  readonly bytes: number;
}

/** One listing of a family's counters. */
interface FamilyCounters {
  /** Connections, by the number of their endpoint set. */
  readonly connections: ReadonlyMap<number, number>;
  /** Packets, by the key of a claim. */
  readonly packets: Readonly<Record<Space, ReadonlyMap<string, Packets>>>;
}

/** One listing of all counters. */
export type Counters = Readonly<Record<IpFamily, FamilyCounters>>;

/** The key of a claim: fields are padded to words in the kernel, and not there. */
function claimKey(key: Uint32Array, addressBytes: number): string {
  const bytes = new Uint8Array(key.buffer, key.byteOffset, key.byteLength);
  return binary([
    ...bytes.subarray(0, addressBytes),
    bytes[addressBytes] ?? 0,
    bytes[addressBytes + 4] ?? 0,
    bytes[addressBytes + 5] ?? 0,
  ]);
}

function packetsOf(
  elements: readonly ListedElement[],
  addressBytes: number,
): ReadonlyMap<string, Packets> {
  const found = new Map<string, Packets>();
  for (const { key, counted } of elements) {
    // Most Services of a large cluster are not used from this node.
    if (counted === undefined || counted.packets === 0n) continue;
    const packets = { packets: Number(counted.packets), bytes: Number(counted.bytes) };
    found.set(claimKey(key, addressBytes), packets);
  }
  return found;
}

async function familyCounters(nft: NftClient, family: IpFamily): Promise<FamilyCounters> {
  const { setConnections, spaces } = OBJECTS[family];
  const connections = new Map<number, number>();
  for (const { key, counted } of await nft.elementWords(setConnections)) {
    const packets = Number(counted?.packets ?? 0n);
    // Chains of type nat see a connection's first packet only.
    if (packets > 0) connections.set(key[0] ?? 0, packets);
  }
  return {
    connections,
    packets: {
      service: packetsOf(
        await nft.elementWords(spaces.service.packets),
        addressLength(family),
      ),
      nodeport: packetsOf(await nft.elementWords(spaces.nodeport.packets), 0),
    },
  };
}

/**
 * Lists all counters.
 *
 * @param nft The table.
 * @returns Those that are not 0.
 */
export async function listCounters(nft: NftClient): Promise<Counters> {
  return {
    IPv4: await familyCounters(nft, "IPv4"),
    IPv6: await familyCounters(nft, "IPv6"),
  };
}

/**
 * Adds up what became of a service port.
 *
 * @param mirror What is in the kernel.
 * @param id Of the service port.
 * @param counters A listing.
 * @returns Zeros for one that is not there.
 */
export function trafficOf(mirror: Mirror, id: string, counters: Counters): ServicePortTraffic {
  let [connections, packets, bytes] = [0, 0, 0];
  const counted = mirror.countersOf(id);
  if (counted !== undefined) {
    const listed = counters[counted.family];
    for (const number of counted.sets) connections += listed.connections.get(number) ?? 0;
    for (const { space, key } of counted.claims) {
      const found = listed.packets[space].get(key);
      packets += found?.packets ?? 0;
      bytes += found?.bytes ?? 0;
    }
  }
  return { connections, packets, bytes };
}
