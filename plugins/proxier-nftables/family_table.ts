/**
 * One family's table as the kernel has it: how a service port's state becomes elements, and how
 * one state becomes another.
 *
 * @module
 */
import { type NftMap, type NftSet, type ProxierSettings, type Transaction, verdict } from "weir";
import {
  countChain,
  type Demand,
  type FamilyObjects,
  layout,
  type SetSizes,
  setSizes,
} from "./layout.ts";
import { liveSlots, recordLength, type ServiceState, writeWords } from "./service_state.ts";
import { arrange } from "./slots.ts";

type PlainSet = NftSet | NftMap;

/** Key and data of the longest element, 4+1+1+1 and 4+1 words, and the hairpin's 4+4+1+1. */
const words = new Uint32Array(12);

const NO_HAIRPINS: ReadonlySet<string> = new Set();

/** Turns changes of service ports into commands, and keeps what service ports share. */
export class FamilyTable {
  readonly #of: FamilyObjects;
  /** How many service ports have a cluster IP (as bytes). */
  readonly #clusterIps = new Map<string, number>();
  /** How many service ports have a local endpoint (address, protocol, port as bytes). */
  readonly #hairpins = new Map<string, number>();
  /**
   * For which counts there are chains. They stay until the table is put in place anew: a packet
   * may still be on its way to the chain of a count that no service port has any more.
   */
  readonly #counts = new Set<number>();
  readonly #sizes: SetSizes;
  /** How many elements of each set are there, or would be with the commands so far. */
  readonly #filled = new Map<PlainSet, number>();
  #outgrown = false;

  /**
   * @param of The family's objects.
   * @param demand What the sets have to hold, for their sizes.
   */
  constructor(of: FamilyObjects, demand: Demand) {
    this.#of = of;
    this.#sizes = setSizes(of, demand);
  }

  /**
   * Whether a set was given more elements than fit, so that the kernel would refuse the commands.
   */
  get outgrown(): boolean {
    return this.#outgrown;
  }

  /**
   * Whether an address is a cluster IP.
   *
   * @param address As bytes.
   * @returns Whether the kernel's set holds it.
   */
  hasClusterIp(address: string): boolean {
    return this.#clusterIps.has(address);
  }

  /**
   * Puts the table in place, without service ports.
   *
   * @param tx Receives the commands.
   * @param settings What is masqueraded.
   */
  begin(tx: Transaction, settings: ProxierSettings): void {
    tx.replaceTable(layout(this.#of, settings, this.#sizes));
  }

  /**
   * Puts a service port into the kernel whose key is not there.
   *
   * @param tx Receives the commands.
   * @param state Of the service port.
   */
  program(tx: Transaction, state: ServiceState): void {
    const address = clusterIp(state);
    const uses = this.#clusterIps.get(address) ?? 0;
    this.#clusterIps.set(address, uses + 1);
    if (uses === 0) {
      writeWords(address, 0, address.length, words, 0);
      this.#add(tx, this.#of.clusterIps);
    }
    this.#enter(tx, state);
    this.#fill(tx, state, 0, state.slots.length);
    for (const hairpin of hairpins(state)) this.#acquire(tx, hairpin);
  }

  /**
   * Takes what the kernel has of a service port away.
   *
   * @param tx Receives the commands.
   * @param state As it is in the kernel.
   */
  withdraw(tx: Transaction, state: ServiceState): void {
    this.#leave(tx, state);
    this.#diffSlots(tx, state, state.slots, "");
    for (const hairpin of hairpins(state)) this.#release(tx, hairpin);
    const address = clusterIp(state);
    const uses = this.#clusterIps.get(address) ?? 0;
    if (uses > 1) this.#clusterIps.set(address, uses - 1);
    else {
      this.#clusterIps.delete(address);
      writeWords(address, 0, address.length, words, 0);
      this.#delete(tx, this.#of.clusterIps);
    }
  }

  /**
   * Goes from what is in the kernel to what is wanted, under the same key.
   *
   * @param tx Receives the commands.
   * @param before What is in the kernel.
   * @param wanted What is to be there, its slots in any order.
   * @returns What is in the kernel afterwards: `wanted` with its slots arranged, or `before`.
   */
  change(tx: Transaction, before: ServiceState, wanted: ServiceState): ServiceState {
    const after = before.outcome === "balance" && wanted.outcome === "balance"
      ? arrange(before, wanted)
      : wanted;
    if (after === before) return before;
    if (before.outcome !== after.outcome || liveSlots(before) !== liveSlots(after)) {
      this.#leave(tx, before);
      this.#enter(tx, after);
    }
    this.#diffSlots(tx, after, before.slots, after.slots);
    const had = hairpins(before);
    const has = hairpins(after);
    for (const hairpin of had) if (!has.has(hairpin)) this.#release(tx, hairpin);
    for (const hairpin of has) if (!had.has(hairpin)) this.#acquire(tx, hairpin);
    return after;
  }

  /** Adds the element that `words` holds. */
  #add(tx: Transaction, set: PlainSet): void {
    this.#count(set, 1);
    tx.addElementWords(set, words);
  }

  /**
   * Deletes the element that `words` holds. The kernel, too, counts what an earlier command of the
   * same batch deleted as room (set->ndeact).
   */
  #delete(tx: Transaction, set: PlainSet): void {
    this.#count(set, -1);
    tx.deleteElementWords(set, words);
  }

  #count(set: PlainSet, more: number): void {
    const filled = (this.#filled.get(set) ?? 0) + more;
    this.#filled.set(set, filled);
    if (filled > (this.#sizes.get(set) ?? Infinity)) this.#outgrown = true;
  }

  /** Where a service port is told from others: its count, or its refusal. */
  #outcomeSet({ outcome }: ServiceState): PlainSet {
    switch (outcome) {
      case "balance":
        return this.#of.serviceEndpoints;
      case "reject":
        return this.#of.rejectServices;
      case "drop":
        return this.#of.dropServices;
    }
  }

  #enter(tx: Transaction, state: ServiceState): void {
    const count = liveSlots(state);
    if (state.outcome === "balance" && !this.#counts.has(count)) {
      this.#counts.add(count);
      const chain = countChain(this.#of, count);
      tx.add(chain);
      tx.addElement(this.#of.endpointCounts, count, verdict.goto(chain));
    }
    words[writeKey(state)] = count;
    this.#add(tx, this.#outcomeSet(state));
  }

  #leave(tx: Transaction, state: ServiceState): void {
    writeKey(state);
    this.#delete(tx, this.#outcomeSet(state));
  }

  /** Adds the slots of a service port from one place of its records to another. */
  #fill(tx: Transaction, state: ServiceState, from: number, to: number): void {
    const size = recordLength(state.family);
    this.#count(this.#of.endpoints, (to - from) / size);
    const slotAt = writeKey(state);
    for (let at = from; at < to; at += size) {
      words[slotAt] = at / size;
      this.#writePlace(state.slots, at, slotAt + 1);
      tx.addElementWords(this.#of.endpoints, words);
    }
  }

  /** Writes address and port of a record. */
  #writePlace(slots: string, at: number, into: number): void {
    const addressBytes = this.#of.addressWords * 4;
    const portAt = writeWords(slots, at, addressBytes, words, into);
    writeWords(slots, at + addressBytes, 2, words, portAt);
  }

  /** Changes the slots of a service port in the kernel from one arrangement to another. */
  #diffSlots(tx: Transaction, state: ServiceState, before: string, after: string): void {
    const size = recordLength(state.family);
    const slotAt = writeKey(state);
    for (let at = 0; at < before.length; at += size) {
      // The last byte, whether the endpoint is local, is not in the kernel.
      const had = before.slice(at, at + size - 1);
      const has = after.slice(at, at + size - 1);
      if (had === has) continue;
      words[slotAt] = at / size;
      // An element that is there with other data must go first (EEXIST), in the same transaction.
      this.#delete(tx, this.#of.endpoints);
      if (has === "") continue;
      this.#writePlace(after, at, slotAt + 1);
      this.#add(tx, this.#of.endpoints);
    }
    if (after.length > before.length) this.#fill(tx, state, before.length, after.length);
  }

  #acquire(tx: Transaction, hairpin: string): void {
    const uses = this.#hairpins.get(hairpin) ?? 0;
    this.#hairpins.set(hairpin, uses + 1);
    if (uses > 0) return;
    writeHairpin(hairpin);
    this.#add(tx, this.#of.hairpinConnections);
  }

  #release(tx: Transaction, hairpin: string): void {
    const uses = this.#hairpins.get(hairpin) ?? 0;
    if (uses > 1) {
      this.#hairpins.set(hairpin, uses - 1);
      return;
    }
    this.#hairpins.delete(hairpin);
    writeHairpin(hairpin);
    this.#delete(tx, this.#of.hairpinConnections);
  }
}

/**
 * Adds up what service ports need of the sets.
 *
 * @param states Of one family.
 * @returns The demand.
 */
export function demandOf(states: Iterable<ServiceState>): Demand {
  let services = 0;
  let slots = 0;
  let hairpinCount = 0;
  for (const state of states) {
    services++;
    slots += state.slots.length / recordLength(state.family);
    hairpinCount += hairpins(state).size;
  }
  return { services, slots, hairpins: hairpinCount };
}

function clusterIp(state: ServiceState): string {
  return state.key.slice(0, -3);
}

/** Writes a service port's key; returns the index past it. */
function writeKey(state: ServiceState): number {
  const length = state.key.length - 3;
  let at = writeWords(state.key, 0, length, words, 0);
  at = writeWords(state.key, length, 1, words, at);
  return writeWords(state.key, length + 1, 2, words, at);
}

/** The local endpoints of a service port, each as address, protocol and port in bytes. */
function hairpins(state: ServiceState): ReadonlySet<string> {
  const size = recordLength(state.family);
  const end = liveSlots(state) * size;
  // Most service ports have none here, and the set is made for each of them at every resync.
  let found: Set<string> | undefined;
  for (let at = 0; at < end; at += size) {
    if (state.slots.charCodeAt(at + size - 1) !== 1) continue;
    found ??= new Set();
    const address = state.slots.slice(at, at + size - 3);
    const port = state.slots.slice(at + size - 3, at + size - 1);
    found.add(address + state.key.slice(-3, -2) + port);
  }
  return found ?? NO_HAIRPINS;
}

function writeHairpin(hairpin: string): void {
  const length = hairpin.length - 3;
  let at = writeWords(hairpin, 0, length, words, 0);
  at = writeWords(hairpin, 0, length, words, at);
  at = writeWords(hairpin, length, 1, words, at);
  writeWords(hairpin, length + 1, 2, words, at);
}
