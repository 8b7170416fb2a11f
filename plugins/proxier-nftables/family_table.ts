/**
 * One family's table as the kernel has it: how claims, endpoint sets and what service ports share
 * become elements.
 *
 * @module
 */
import { chain, type IpFamily, parseIp, type ProxierSettings, set, type Transaction } from "weir";
import { addressLength, writeWords } from "./bytes.ts";
import { type EndpointSet, EndpointSets } from "./endpoint_sets.ts";
import { Firewalls } from "./firewalls.ts";
import { layout } from "./layout.ts";
import { Ledger } from "./ledger.ts";
import { type FamilyObjects, type PlainSet, setSizes } from "./objects.ts";
import {
  type Claim,
  countOf,
  hairpinsOf,
  routesOf,
  type ServiceState,
  type SetName,
} from "./service_state.ts";

/** What stands in the kernel from a former life, by name. */
export interface Standing {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}

/** A claim and the service port that makes it. */
export interface OwnedClaim {
  readonly id: string;
  readonly family: IpFamily;
  readonly claim: Claim;
}

/** Key and data of the longest element that is made here: the hairpin's 4+4+1+1. */
const words = new Uint32Array(12);

const SETS: readonly SetName[] = ["cluster", "local"];

/** Turns changes of service ports into commands, and keeps what service ports share. */
export class FamilyTable {
  readonly #of: FamilyObjects;
  readonly #ledger: Ledger;
  readonly #endpointSets: EndpointSets;
  readonly #firewalls: Firewalls;
  /** How many claims have a cluster IP (as bytes). */
  readonly #clusterIps = new Map<string, number>();
  /** How many service ports have a local endpoint (address, protocol, port as bytes). */
  readonly #hairpins = new Map<string, number>();
  readonly #settings: ProxierSettings;
  readonly #sizes: ReturnType<typeof setSizes>;
  readonly #affinity: boolean;

  /**
   * @param of The family's objects.
   * @param states What the table has to hold, for the sizes of its sets.
   * @param settings What is masqueraded, and where node ports answer.
   */
  constructor(of: FamilyObjects, states: Iterable<ServiceState>, settings: ProxierSettings) {
    this.#of = of;
    this.#settings = settings;
    const { filled, affinity } = demandOf(of, states);
    this.#affinity = affinity;
    this.#sizes = setSizes(of, filled);
    this.#ledger = new Ledger(this.#sizes);
    this.#endpointSets = new EndpointSets(of, this.#ledger, settings.countTraffic === true);
    this.#firewalls = new Firewalls(of);
  }

  /**
   * Whether a set was given more elements than fit, so that the kernel would refuse the commands.
   */
  get outgrown(): boolean {
    return this.#ledger.outgrown;
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
   * The number of an endpoint set.
   *
   * @param id Of the service port.
   * @param name Which of its sets.
   * @returns 1 to 2³²−1; of nobody's when the set has not been programmed.
   */
  setNumber(id: string, name: SetName): number {
    return this.#endpointSets.number(id, name);
  }

  /**
   * Whose endpoint set a number is.
   *
   * @param number As the kernel has it.
   * @returns The id of its service port; undefined when it is nobody's.
   */
  idOfSet(number: number): string | undefined {
    return this.#endpointSets.idOf(number);
  }

  /**
   * Puts the table in place, without service ports. Clients that the kernel remembers stay
   * remembered when what is standing is told and some service port has session affinity.
   *
   * @param tx Receives the commands.
   * @param standing What the kernel has; undefined when nobody knows, or none of it is wanted.
   */
  begin(tx: Transaction, standing: Standing | undefined): void {
    const fresh = layout(this.#of, this.#settings, this.#sizes);
    const { affinity, nodeportIps } = this.#of;
    if (standing?.sets.includes(affinity.name) && this.#affinity) {
      this.#clear(tx, standing);
      tx.addTable(fresh);
      tx.add(affinity);
    } else tx.replaceTable(fresh);
    const { nodePorts } = this.#settings;
    if (nodePorts.type === "every") return;
    const bytes = addressLength(this.#of.family);
    for (const address of new Set(nodePorts.addresses)) {
      if (parseIp(address)?.length === bytes) tx.addElement(nodeportIps, address);
    }
  }

  /** Deletes everything but the memory of clients. */
  #clear(tx: Transaction, standing: Standing): void {
    const { affinity, table, spaces } = this.#of;
    const verdictMaps = [
      ...[spaces.service, spaces.nodeport].flatMap((space) => [space.chains, space.nodeChains]),
      this.#of.firewallChains,
    ];
    // The order is the kernel's: a chain can go once no rule and no element leads to it, and
    // before 6.4 a deleted map let go of its chains only at the end of the transaction.
    tx.flush(table);
    for (const map of verdictMaps) if (standing.sets.includes(map.name)) tx.flush(map);
    for (const name of standing.chains) tx.delete(chain(table, name));
    for (const name of standing.sets) {
      if (name !== affinity.name) tx.delete(set(table, name, ["mark"]));
    }
  }

  /**
   * Makes the chains that a service port will need, before there are elements.
   *
   * @param tx Receives the commands.
   * @param state Of the service port.
   */
  foresee(tx: Transaction, state: ServiceState): void {
    const routes = routesOf(state);
    for (const name of SETS) this.#endpointSets.foresee(tx, setOf(state, name), routes[name]);
  }

  /**
   * Takes away what waited for this transaction; to be called before anything else of it.
   *
   * @param tx Receives the commands.
   */
  settle(tx: Transaction): void {
    this.#ledger.settle(tx);
    this.#endpointSets.settle(tx);
    this.#firewalls.settle(tx);
  }

  /**
   * Goes from what is in the kernel of a service port's endpoints to what is wanted.
   *
   * @param tx Receives the commands.
   * @param id Of the service port.
   * @param before What is there; undefined when it is new.
   * @param after What is to be there, slots arranged; undefined when it goes.
   */
  changeEndpoints(
    tx: Transaction,
    id: string,
    before: ServiceState | undefined,
    after: ServiceState | undefined,
  ): void {
    const routes = after === undefined ? undefined : routesOf(after);
    for (const name of SETS) {
      const [had, has] = [setOf(before, name), setOf(after, name)];
      this.#endpointSets.change(tx, id, name, had, has, routes?.[name] ?? []);
    }
    const had = before === undefined ? NONE : hairpinsOf(before);
    const has = after === undefined ? NONE : hairpinsOf(after);
    for (const hairpin of had) {
      if (has.has(hairpin) || !isLastUse(this.#hairpins, hairpin)) continue;
      writeHairpin(hairpin);
      this.#ledger.delete(tx, this.#of.hairpinConnections, words);
    }
    for (const hairpin of has) {
      if (had.has(hairpin) || !isFirstUse(this.#hairpins, hairpin)) continue;
      writeHairpin(hairpin);
      this.#ledger.add(tx, this.#of.hairpinConnections, words);
    }
  }

  /**
   * Gives a key to another claim, or none.
   *
   * @param tx Receives the commands.
   * @param before Whose claim is in the kernel; undefined when the key is not there.
   * @param after Whose claim is to be there, its endpoints are there already; undefined for none.
   */
  changeClaim(
    tx: Transaction,
    before: OwnedClaim | undefined,
    after: OwnedClaim | undefined,
  ): void {
    const [had, has] = [clusterIp(before), clusterIp(after)];
    if (had === undefined && has !== undefined && isFirstUse(this.#clusterIps, has)) {
      writeWords(has, 0, has.length, words, 0);
      this.#ledger.add(tx, this.#of.clusterIps, words);
    }
    if (before !== undefined) this.#leave(tx, before);
    if (after !== undefined) this.#enter(tx, after);
    if (before?.claim.sources !== undefined) this.#firewalls.release(before.claim.sources);
    if (had !== undefined && has === undefined && isLastUse(this.#clusterIps, had)) {
      writeWords(had, 0, had.length, words, 0);
      this.#ledger.delete(tx, this.#of.clusterIps, words);
    }
  }

  #enter(tx: Transaction, { id, claim }: OwnedClaim): void {
    const elements = this.#elements(id, claim);
    if (claim.sources !== undefined) {
      elements.push([this.#of.firewalls, this.#firewalls.acquire(tx, claim.sources)]);
    }
    const dataAt = writeKey(claim);
    for (const [set, data] of elements) {
      words[dataAt] = data;
      this.#ledger.add(tx, set, words);
    }
  }

  #leave(tx: Transaction, { id, claim }: OwnedClaim): void {
    writeKey(claim);
    for (const [set] of this.#elements(id, claim)) this.#ledger.delete(tx, set, words);
    if (claim.sources !== undefined) this.#ledger.delete(tx, this.#of.firewalls, words);
  }

  /** The elements of a claim under its key, with their data; a set's element has none. */
  #elements(id: string, claim: Claim): [PlainSet, number][] {
    const objects = this.#of.spaces[claim.space];
    const elements: [PlainSet, number][] = [];
    switch (claim.outcome) {
      case "cluster":
      case "local":
        elements.push([objects.sets, this.#endpointSets.number(id, claim.outcome)]);
        break;
      case "reject":
        elements.push([objects.reject, 0]);
        break;
      case "drop":
        elements.push([objects.drop, 0]);
    }
    const served = elements[0]?.[0] === objects.sets || claim.nodeServed;
    if (this.#settings.countTraffic && served) elements.push([objects.packets, 0]);
    if (claim.from === "inside") return elements;
    if (claim.outcome === "cluster") elements.push([objects.masquerade, 0]);
    if (!claim.nodeServed) return elements;
    elements.push([objects.localPolicy, 0]);
    elements.push([objects.nodeSets, this.#endpointSets.number(id, "cluster")]);
    return elements;
  }
}

function setOf(state: ServiceState | undefined, name: SetName): EndpointSet {
  return { slots: state?.slots[name] ?? "", affinitySeconds: state?.affinitySeconds ?? 0 };
}

/** Counts one more use, and tells whether it is the first. */
function isFirstUse(uses: Map<string, number>, key: string): boolean {
  const before = uses.get(key) ?? 0;
  uses.set(key, before + 1);
  return before === 0;
}

/** Counts one use less, and tells whether it was the last. */
function isLastUse(uses: Map<string, number>, key: string): boolean {
  const before = uses.get(key) ?? 0;
  if (before > 1) uses.set(key, before - 1);
  else uses.delete(key);
  return before <= 1;
}

function writeHairpin(hairpin: string): void {
  const length = hairpin.length - 3;
  let at = writeWords(hairpin, 0, length, words, 0);
  at = writeWords(hairpin, 0, length, words, at);
  at = writeWords(hairpin, length, 1, words, at);
  writeWords(hairpin, length + 1, 2, words, at);
}

/** Writes a claim's key; returns the index past it. */
function writeKey({ key }: Claim): number {
  const length = key.length - 3;
  let at = writeWords(key, 0, length, words, 0);
  at = writeWords(key, length, 1, words, at);
  return writeWords(key, length + 1, 2, words, at);
}

/** The cluster IP of a claim, as bytes; undefined when it is to another address. */
function clusterIp(owned: OwnedClaim | undefined): string | undefined {
  return owned?.claim.from === "inside" ? owned.claim.key.slice(0, -3) : undefined;
}

const NONE: ReadonlySet<string> = new Set();

/** Adds up what service ports need of the sets that are declared with a size. */
function demandOf(
  of: FamilyObjects,
  states: Iterable<ServiceState>,
): { readonly filled: ReadonlyMap<PlainSet, number>; readonly affinity: boolean } {
  let ports = 0;
  let claims = 0;
  let sets = 0;
  let slots = 0;
  let affinity = false;
  for (const state of states) {
    ports++;
    claims += 1 + (state.external?.addresses.length ?? 0);
    for (const name of SETS) {
      const count = countOf(state.slots[name], of.family);
      if (count > 0) sets++;
      slots += count;
    }
    affinity ||= state.affinitySeconds > 0;
  }
  return {
    filled: new Map<PlainSet, number>([
      [of.clusterIps, ports],
      [of.spaces.service.sets, claims],
      [of.setSizes, sets],
      [of.setConnections, sets],
      [of.spaces.service.packets, claims],
      [of.endpoints, slots],
    ]),
    affinity,
  };
}
