/**
 * The sets of endpoints of one family's table: each has a number, a size and slots, and with
 * session affinity each of its endpoints has a seat of its own besides.
 *
 * @module
 */
import type { Transaction } from "weir";
import { hash, writeWords } from "./bytes.ts";
import type { Ledger } from "./ledger.ts";
import type { FamilyObjects } from "./objects.ts";
import { countOf, recordLength, type Route, type SetName } from "./service_state.ts";
import { Sizes } from "./sizes.ts";

/** What is in the kernel of one set of endpoints. */
export interface EndpointSet {
  /** Records, see service_state.ts; "" when there is no such set. */
  readonly slots: string;
  /** Seconds, or 0. */
  readonly affinitySeconds: number;
}

/** Seats are numbers from here on, slots below it: both are keys of the map `endpoints`. */
const SEATS = 2 ** 31;

/** Key and data of the longest element of a set of endpoints: 2 words, 4+1 words. */
const words = new Uint32Array(8);

/** Programs sets of endpoints. */
export class EndpointSets {
  readonly #of: FamilyObjects;
  readonly #ledger: Ledger;
  /** The service port of each number. */
  readonly #numbers = new Map<number, string>();
  /** The numbers that are not what the name hashes to. */
  readonly #moved = new Map<string, number>();
  /** The set that was changed last, whose number is mostly asked for next. */
  #last = { id: "", name: "cluster" as SetName, number: 0 };
  /** Names of sets that are gone; their numbers are free from the next transaction on. */
  #gone: string[] = [];
  readonly #sizes: Sizes;

  readonly #counting: boolean;

  /**
   * @param of The family's objects.
   * @param ledger Counts the elements.
   * @param counting Whether each set has a counter of connections.
   */
  constructor(of: FamilyObjects, ledger: Ledger, counting: boolean) {
    this.#of = of;
    this.#counting = counting;
    this.#ledger = ledger;
    this.#sizes = new Sizes(of);
  }

  /**
   * Frees what is gone, since no packet is on its way to it any more; to be called where the ledger
   * settles.
   *
   * @param tx Receives the commands.
   */
  settle(tx: Transaction): void {
    for (const name of this.#gone) {
      this.#numbers.delete(this.#numberOf(name));
      this.#moved.delete(name);
      this.#last = { id: "", name: "cluster", number: 0 };
    }
    this.#gone = [];
    this.#sizes.settle(tx);
  }

  /**
   * Makes the chains that a set will need, and the one that it needs with an endpoint more.
   *
   * @param tx Receives the commands.
   * @param set What is to be there.
   * @param routes By which it is reached.
   */
  foresee(
    tx: Transaction,
    { slots, affinitySeconds }: EndpointSet,
    routes: readonly Route[],
  ): void {
    const count = countOf(slots, this.#of.family);
    if (count === 0) return;
    for (const each of [count, count + 1]) {
      this.#sizes.reach(tx, this.#sizes.number(tx, { count: each, affinitySeconds }), routes);
    }
  }

  /**
   * Whose set a number is.
   *
   * @param number Of a set that has been programmed.
   * @returns The id of its service port; undefined when it is nobody's.
   */
  idOf(number: number): string | undefined {
    return this.#numbers.get(number);
  }

  /**
   * The number of a set that has been programmed.
   *
   * @param id Of the service port.
   * @param name Which of its sets.
   * @returns 1 to 2³²−1.
   */
  number(id: string, name: SetName): number {
    const { id: lastId, name: lastName, number } = this.#last;
    return id === lastId && name === lastName ? number : this.#numberOf(`${id} ${name}`);
  }

  /**
   * Goes from what is in the kernel of a set to what is wanted.
   *
   * @param tx Receives the commands.
   * @param id Of the service port.
   * @param name Which of its sets.
   * @param before What is there.
   * @param after What is to be there, the slots arranged.
   * @param routes By which it is to be reached.
   */
  change(
    tx: Transaction,
    id: string,
    name: SetName,
    before: EndpointSet,
    after: EndpointSet,
    routes: readonly Route[],
  ): void {
    const full = `${id} ${name}`;
    if (before.slots === "" && after.slots === "") return;
    const number = before.slots === "" ? this.#take(full, id) : this.#numberOf(full);
    this.#last = { id, name, number };
    words[0] = number;
    this.#changeSize(tx, before, after, routes);
    if (this.#counting) this.#changeCounter(tx, before, after);
    const had = before.affinitySeconds > 0;
    const has = after.affinitySeconds > 0;
    if (had !== has) {
      this.#changeElements(tx, number, before.slots, "", had);
      this.#changeElements(tx, number, "", after.slots, has);
    } else this.#changeElements(tx, number, before.slots, after.slots, has);
    if (after.slots === "") this.#gone.push(full);
  }

  #numberOf(full: string): number {
    return this.#moved.get(full) ?? (hash(full) || 1);
  }

  /** Gives a set its number: the same in every life of the plugin, save where two collide. */
  #take(full: string, id: string): number {
    const wanted = hash(full) || 1;
    let number = wanted;
    while (this.#numbers.has(number)) number = (number + 1 >>> 0) || 1;
    this.#numbers.set(number, id);
    if (number !== wanted) this.#moved.set(full, number);
    return number;
  }

  #sizeOf(tx: Transaction, { slots, affinitySeconds }: EndpointSet): number {
    return this.#sizes.number(tx, { count: countOf(slots, this.#of.family), affinitySeconds });
  }

  /** `words` begins with the set's number. */
  #changeSize(
    tx: Transaction,
    before: EndpointSet,
    after: EndpointSet,
    routes: readonly Route[],
  ): void {
    const had = this.#sizeOf(tx, before);
    const has = this.#sizeOf(tx, after);
    this.#sizes.reach(tx, has, routes);
    if (had === has) return;
    this.#sizes.move(had, has);
    const { setSizes } = this.#of;
    if (has === 0) {
      this.#ledger.deleteLater(tx, setSizes, words);
      return;
    }
    if (had !== 0) this.#ledger.delete(tx, setSizes, words);
    words[1] = has;
    this.#ledger.add(tx, setSizes, words);
  }

  /** `words` begins with the set's number. The counter lives as long as the set. */
  #changeCounter(tx: Transaction, before: EndpointSet, after: EndpointSet): void {
    const { setConnections } = this.#of;
    if (before.slots === "") this.#ledger.add(tx, setConnections, words);
    if (after.slots === "") this.#ledger.delete(tx, setConnections, words);
  }

  #changeElements(
    tx: Transaction,
    number: number,
    before: string,
    after: string,
    affinity: boolean,
  ): void {
    if (before === after) return;
    words[0] = number;
    if (!affinity) this.#changeSlots(tx, before, after);
    else this.#changeSeats(tx, this.#seats(before), this.#seats(after));
  }

  /** Plain: the slots are the keys, and a slot that is gone points at a living endpoint. */
  #changeSlots(tx: Transaction, before: string, after: string): void {
    const { endpoints } = this.#of;
    const size = recordLength(this.#of.family);
    for (let at = 0; at < Math.max(before.length, after.length); at += size) {
      // The last byte, whether the endpoint is local, is not in the kernel.
      const had = before.slice(at, at + size - 1);
      const has = after.slice(at, at + size - 1);
      if (had === has) continue;
      words[1] = at / size;
      if (after === "") {
        this.#ledger.deleteLater(tx, endpoints, words);
        continue;
      }
      const spare = has === "" ? after.slice(at % after.length, at % after.length + size - 1) : has;
      if (had !== spare) {
        // An element that is there with other data must go first (EEXIST), in the same transaction.
        if (had !== "") this.#ledger.delete(tx, endpoints, words);
        this.#writePlace(spare);
        this.#ledger.add(tx, endpoints, words);
      }
      if (has === "") this.#ledger.deleteLater(tx, endpoints, words);
    }
  }

  /**
   * With affinity: seats are the keys, and slots lead to seats. A client remembers a seat, which
   * stays its endpoint's though the slots move, and is nobody's once the endpoint is gone.
   */
  #changeSeats(tx: Transaction, before: readonly Seat[], after: readonly Seat[]): void {
    const { endpoints, affinitySlots } = this.#of;
    const had = new Map(before.map(({ seat, place }) => [seat, place]));
    const has = new Map(after.map(({ seat, place }) => [seat, place]));
    for (const [seat, place] of had) {
      if (has.get(seat) === place) continue;
      words[1] = seat;
      // A client whose endpoint is gone gets another; when all are, the set is of another kind now,
      // and packets may still be on their way to its old chain.
      if (after.length === 0) this.#ledger.deleteLater(tx, endpoints, words);
      else this.#ledger.delete(tx, endpoints, words);
    }
    for (const [seat, place] of has) {
      if (had.get(seat) === place) continue;
      words[1] = seat;
      this.#writePlace(place);
      this.#ledger.add(tx, endpoints, words);
    }
    for (let slot = 0; slot < Math.max(before.length, after.length); slot++) {
      const old = before[slot]?.seat;
      const seat = after[slot]?.seat;
      if (old === seat) continue;
      words[1] = slot;
      const spare = seat ?? after[slot % Math.max(1, after.length)]?.seat ?? old;
      if (spare !== old && spare !== undefined) {
        if (old !== undefined) this.#ledger.delete(tx, affinitySlots, words);
        words[2] = spare;
        this.#ledger.add(tx, affinitySlots, words);
      }
      if (seat === undefined) this.#ledger.deleteLater(tx, affinitySlots, words);
    }
  }

  /** Writes address and port of a record behind the key. */
  #writePlace(place: string): void {
    const length = place.length - 2;
    const portAt = writeWords(place, 0, length, words, 2);
    writeWords(place, length, 2, words, portAt);
  }

  /** The seats of the endpoints in slots: a function of the endpoint, save where two collide. */
  #seats(slots: string): readonly Seat[] {
    const size = recordLength(this.#of.family);
    const taken = new Set<number>();
    const seats: Seat[] = [];
    for (let at = 0; at < slots.length; at += size) {
      const place = slots.slice(at, at + size - 1);
      let seat = hash(place) % SEATS + SEATS;
      while (taken.has(seat)) seat = (seat + 1) % SEATS + SEATS;
      taken.add(seat);
      seats.push({ seat, place });
    }
    return seats;
  }
}

/** A seat and who sits there: address and port, as bytes. */
interface Seat {
  readonly seat: number;
  readonly place: string;
}
