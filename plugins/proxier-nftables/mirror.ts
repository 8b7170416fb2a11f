/**
 * What is in the kernel, in memory, and how it becomes what it should be: each change of a service
 * port as the elements that it adds and deletes.
 *
 * @module
 */
import {
  type IpFamily,
  type NftMap,
  type NftSet,
  type ProxierSettings,
  type ServicePortView,
  type Transaction,
  verdict,
} from "weir";
import { countChain, type FamilyObjects, layout, OBJECTS } from "./layout.ts";
import {
  liveSlots,
  recordLength,
  type ServiceState,
  stateOf,
  withoutSpares,
  writeWords,
} from "./service_state.ts";
import { arrange } from "./slots.ts";

/** What service ports share within a family. */
interface Shared {
  readonly of: FamilyObjects;
  /** How many service ports have a cluster IP (as bytes). */
  readonly clusterIps: Map<string, number>;
  /** How many service ports have a local endpoint (address, protocol, port as bytes). */
  readonly hairpins: Map<string, number>;
  /**
   * For which counts there are chains. They stay until the next resync: a packet may still be on
   * its way to the chain of a count that no service port has any more.
   */
  readonly counts: Set<number>;
}

function shared(family: IpFamily): Shared {
  return { of: OBJECTS[family], clusterIps: new Map(), hairpins: new Map(), counts: new Set() };
}

/** Key and data of the longest element, 4+1+1+1 and 4+1 words, and the hairpin's 4+4+1+1. */
const words = new Uint32Array(12);

/** The service ports as the kernel has them. */
export class Mirror {
  readonly settings: ProxierSettings;
  readonly #families: Readonly<Record<IpFamily, Shared>> = {
    IPv4: shared("IPv4"),
    IPv6: shared("IPv6"),
  };
  readonly #states = new Map<string, ServiceState>();
  /** Which service port's state is in the kernel, by key; slots and spares as they are there. */
  readonly #owners = new Map<string, string>();
  /**
   * Service ports whose key another one owns. The API server never gives an address twice; a
   * folder of manifests may, and then the one with the smallest id is served.
   */
  readonly #shadowed = new Set<string>();

  /**
   * @param settings What is masqueraded.
   */
  constructor(settings: ProxierSettings) {
    this.settings = settings;
  }

  /** The ids of service ports that share address, protocol and port with a served one. */
  get shadowed(): ReadonlySet<string> {
    return this.#shadowed;
  }

  /**
   * The state of the service port with this key.
   *
   * @param key As ServiceState.key.
   * @returns Its id and state, or undefined when there is none.
   */
  find(key: string): { readonly id: string; readonly state: ServiceState } | undefined {
    const id = this.#owners.get(key);
    const state = id === undefined ? undefined : this.#states.get(id);
    return id === undefined || state === undefined ? undefined : { id, state };
  }

  /**
   * Whether an address is a cluster IP.
   *
   * @param family Of the address.
   * @param address As bytes.
   * @returns Whether the kernel's set holds it.
   */
  hasClusterIp(family: IpFamily, address: string): boolean {
    return this.#families[family].clusterIps.has(address);
  }

  /**
   * Puts both tables in place, without service ports.
   *
   * @param tx Receives the commands.
   */
  begin(tx: Transaction): void {
    for (const { of } of Object.values(this.#families)) {
      tx.replaceTable(layout(of, this.settings));
    }
  }

  /**
   * Goes from what is in the kernel to what a diff says.
   *
   * First it is settled which service port has each key that the diff touches, then each key
   * changes once. A port that is renamed, or a Service that is made anew with the same address, is
   * thus one change of its key, and no packet meets a moment without it.
   *
   * @param tx Receives the commands.
   * @param change Service ports that come or change, and ids that go; an unknown one is gone.
   * @throws {WeirError} WEIR_ADDRESS_INVALID when a view holds an address that is none; the mirror
   * must not be used any more then.
   */
  apply(
    tx: Transaction,
    change: { readonly upserts: readonly ServicePortView[]; readonly removes: readonly string[] },
  ): void {
    /** What the kernel has under each key that is touched. */
    const before = new Map<string, ServiceState | undefined>();
    for (const id of change.removes) {
      const state = this.#states.get(id);
      if (state === undefined) continue;
      this.#touch(before, state.key);
      this.#detach(id, state);
    }
    for (const view of change.upserts) {
      const wanted = stateOf(view);
      this.#touch(before, wanted.key);
      const known = this.#states.get(view.id);
      if (known !== undefined && known.key !== wanted.key) {
        this.#touch(before, known.key);
        this.#detach(view.id, known);
      }
      this.#attach(view.id, wanted);
    }
    for (const [key, programmed] of before) {
      const owner = this.#owners.get(key);
      const wanted = owner === undefined ? undefined : this.#states.get(owner);
      if (programmed === wanted) continue;
      if (owner === undefined || wanted === undefined) {
        if (programmed !== undefined) this.#withdraw(tx, programmed);
      } else if (programmed === undefined) this.#program(tx, wanted);
      else this.#states.set(owner, this.#change(tx, programmed, wanted));
    }
  }

  /** Remembers what the kernel has under a key, before the first change of it. */
  #touch(before: Map<string, ServiceState | undefined>, key: string): void {
    if (before.has(key)) return;
    const owner = this.#owners.get(key);
    before.set(key, owner === undefined ? undefined : this.#states.get(owner));
  }

  /** Takes a service port off its key; the one with the smallest id of those shadowed inherits. */
  #detach(id: string, state: ServiceState): void {
    this.#states.delete(id);
    if (this.#shadowed.delete(id)) return;
    let heir: string | undefined;
    for (const other of this.#shadowed) {
      if (this.#states.get(other)?.key === state.key && (heir === undefined || other < heir)) {
        heir = other;
      }
    }
    if (heir === undefined) this.#owners.delete(state.key);
    else {
      this.#shadowed.delete(heir);
      this.#owners.set(state.key, heir);
    }
  }

  /** Puts a service port on its key, or in the shadow of the one that has it. */
  #attach(id: string, wanted: ServiceState): void {
    this.#states.set(id, wanted);
    const owner = this.#owners.get(wanted.key);
    if (owner === id) return;
    if (owner !== undefined && owner < id) {
      this.#shadowed.add(id);
      return;
    }
    if (owner !== undefined) {
      const state = this.#states.get(owner);
      if (state !== undefined) this.#states.set(owner, withoutSpares(state));
      this.#shadowed.add(owner);
    }
    this.#shadowed.delete(id);
    this.#owners.set(wanted.key, id);
  }

  /** Puts a service port into the kernel whose key is not there. */
  #program(tx: Transaction, state: ServiceState): void {
    const family = this.#families[state.family];
    const address = clusterIp(state);
    const uses = family.clusterIps.get(address) ?? 0;
    family.clusterIps.set(address, uses + 1);
    if (uses === 0) {
      writeWords(address, 0, address.length, words, 0);
      tx.addElementWords(family.of.clusterIps, words);
    }
    enter(tx, family, state);
    diffSlots(tx, family, state, "", state.slots);
    for (const hairpin of hairpins(state)) acquire(tx, family, hairpin);
  }

  /** Takes what the kernel has under a key away. */
  #withdraw(tx: Transaction, state: ServiceState): void {
    const family = this.#families[state.family];
    leave(tx, family, state);
    diffSlots(tx, family, state, state.slots, "");
    for (const hairpin of hairpins(state)) release(tx, family, hairpin);
    const address = clusterIp(state);
    const uses = family.clusterIps.get(address) ?? 0;
    if (uses > 1) family.clusterIps.set(address, uses - 1);
    else {
      family.clusterIps.delete(address);
      writeWords(address, 0, address.length, words, 0);
      tx.deleteElementWords(family.of.clusterIps, words);
    }
  }

  /** Goes from what is in the kernel to what is wanted, under the same key. */
  #change(tx: Transaction, before: ServiceState, wanted: ServiceState): ServiceState {
    const family = this.#families[wanted.family];
    const after = before.outcome === "balance" && wanted.outcome === "balance"
      ? arrange(before, wanted)
      : wanted;
    if (after === before) return before;
    if (before.outcome !== after.outcome || liveSlots(before) !== liveSlots(after)) {
      leave(tx, family, before);
      enter(tx, family, after);
    }
    diffSlots(tx, family, after, before.slots, after.slots);
    const had = hairpins(before);
    const has = hairpins(after);
    for (const hairpin of had) if (!has.has(hairpin)) release(tx, family, hairpin);
    for (const hairpin of has) if (!had.has(hairpin)) acquire(tx, family, hairpin);
    return after;
  }
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

/** Where a service port is told from others: its count, or its refusal. */
function outcomeSet(of: FamilyObjects, state: ServiceState): NftMap | NftSet {
  switch (state.outcome) {
    case "balance":
      return of.serviceEndpoints;
    case "reject":
      return of.rejectServices;
    case "drop":
      return of.dropServices;
  }
}

function enter(tx: Transaction, family: Shared, state: ServiceState): void {
  const count = liveSlots(state);
  if (state.outcome === "balance" && !family.counts.has(count)) {
    family.counts.add(count);
    const chain = countChain(family.of, count);
    tx.add(chain);
    tx.addElement(family.of.endpointCounts, count, verdict.goto(chain));
  }
  words[writeKey(state)] = count;
  tx.addElementWords(outcomeSet(family.of, state), words);
}

function leave(tx: Transaction, family: Shared, state: ServiceState): void {
  writeKey(state);
  tx.deleteElementWords(outcomeSet(family.of, state), words);
}

/** Writes the data of one slot behind the key and the slot's number, and adds the element. */
function addSlot(tx: Transaction, family: Shared, slots: string, at: number, dataAt: number): void {
  const addressBytes = family.of.addressWords * 4;
  const portAt = writeWords(slots, at, addressBytes, words, dataAt);
  writeWords(slots, at + addressBytes, 2, words, portAt);
  tx.addElementWords(family.of.endpoints, words);
}

/** Changes the slots of a service port in the kernel from one arrangement to another. */
function diffSlots(
  tx: Transaction,
  family: Shared,
  state: ServiceState,
  before: string,
  after: string,
): void {
  const size = recordLength(state.family);
  const slotAt = writeKey(state);
  const slots = Math.max(before.length, after.length) / size;
  for (let slot = 0; slot < slots; slot++) {
    const at = slot * size;
    words[slotAt] = slot;
    if (at >= before.length) {
      addSlot(tx, family, after, at, slotAt + 1);
      continue;
    }
    // The last byte, whether the endpoint is local, is not in the kernel.
    const had = before.slice(at, at + size - 1);
    const has = after.slice(at, at + size - 1);
    if (had === has) continue;
    // An element that is there with other data must go first (EEXIST), in the same transaction.
    tx.deleteElementWords(family.of.endpoints, words);
    if (has !== "") addSlot(tx, family, after, at, slotAt + 1);
  }
}

const NO_HAIRPINS: ReadonlySet<string> = new Set();

/** The local endpoints of a service port, each as address, protocol and port in bytes. */
function hairpins(state: ServiceState): ReadonlySet<string> {
  const size = recordLength(state.family);
  const protocol = state.key.slice(-3, -2);
  const end = liveSlots(state) * size;
  // Most service ports have none here, and the set is made for each of them at every resync.
  let found: Set<string> | undefined;
  for (let at = 0; at < end; at += size) {
    if (state.slots.charCodeAt(at + size - 1) !== 1) continue;
    found ??= new Set();
    found.add(
      state.slots.slice(at, at + size - 3) + protocol +
        state.slots.slice(at + size - 3, at + size - 1),
    );
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

function acquire(tx: Transaction, family: Shared, hairpin: string): void {
  const uses = family.hairpins.get(hairpin) ?? 0;
  family.hairpins.set(hairpin, uses + 1);
  if (uses > 0) return;
  writeHairpin(hairpin);
  tx.addElementWords(family.of.hairpinConnections, words);
}

function release(tx: Transaction, family: Shared, hairpin: string): void {
  const uses = family.hairpins.get(hairpin) ?? 0;
  if (uses > 1) {
    family.hairpins.set(hairpin, uses - 1);
    return;
  }
  family.hairpins.delete(hairpin);
  writeHairpin(hairpin);
  tx.deleteElementWords(family.of.hairpinConnections, words);
}
