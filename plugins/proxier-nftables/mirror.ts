/**
 * What is in the kernel, in memory, and how it becomes what it should be: which service port has
 * which key, and what each change of it means for its family's table.
 *
 * @module
 */
import type { IpFamily, ProxierSettings, ServicePortView, Transaction } from "weir";
import { FamilyTable, type OwnedClaim, type Standing } from "./family_table.ts";
import { OBJECTS } from "./objects.ts";
import {
  type Claim,
  claimsOf,
  sameClaim,
  type ServiceState,
  type SetName,
  stateOf,
} from "./service_state.ts";
import { arrange } from "./slots.ts";

/** What the kernel has of each family's table from a former life. */
export type StandingTables = Readonly<Partial<Record<IpFamily, Standing>>>;

/** The service ports as the kernel has them. */
export class Mirror {
  readonly settings: ProxierSettings;
  #tables: Readonly<Record<IpFamily, FamilyTable>>;
  /** By id; the slots are as they are in the kernel. */
  readonly #states = new Map<string, ServiceState>();
  /** Which service port's claim is in the kernel, by the claim's key and space. */
  readonly #owners = new Map<string, string>();
  /**
   * The service ports whose claim another one's has shut out, by the same. Two Services may share
   * an external IP and a port, and one may name as its external IP what is another's cluster IP;
   * served is who has the lower rank, then who has the smaller id.
   */
  readonly #shadowed = new Map<string, Set<string>>();

  /**
   * @param settings The families, what is masqueraded, and where node ports answer.
   */
  constructor(settings: ProxierSettings) {
    this.settings = settings;
    this.#tables = this.#newTables();
  }

  #newTables(): Readonly<Record<IpFamily, FamilyTable>> {
    const states = [...this.#states.values()];
    const tableFor = (family: IpFamily) => {
      const mine = states.filter((state) => state.family === family);
      return new FamilyTable(OBJECTS[family], mine, this.settings);
    };
    return { IPv4: tableFor("IPv4"), IPv6: tableFor("IPv6") };
  }

  /** The ids of service ports that share an address or node port with a served one. */
  get shadowed(): ReadonlySet<string> {
    return new Set([...this.#shadowed.values()].flatMap((ids) => [...ids]));
  }

  /**
   * The service port that has a key.
   *
   * @param family Of the address.
   * @param space How the connection is told.
   * @param key As Claim.key.
   * @returns Its id, claim and state, or undefined when there is none.
   */
  find(
    family: IpFamily,
    space: Claim["space"],
    key: string,
  ): { readonly id: string; readonly claim: Claim; readonly state: ServiceState } | undefined {
    const name = nameOf(family, { space, key });
    const owned = this.#owned(name);
    const state = owned === undefined ? undefined : this.#states.get(owned.id);
    return owned === undefined || state === undefined
      ? undefined
      : { id: owned.id, claim: owned.claim, state };
  }

  /**
   * What counts a service port's traffic.
   *
   * @param id Of the service port.
   * @returns The numbers of its endpoint sets, and the claims that are served as its own; undefined
   * when there is no such service port.
   */
  countersOf(
    id: string,
  ):
    | {
      readonly family: IpFamily;
      readonly sets: readonly number[];
      readonly claims: readonly Claim[];
    }
    | undefined {
    const state = this.#states.get(id);
    if (state === undefined) return undefined;
    const { family, slots } = state;
    return {
      family,
      sets: (["cluster", "local"] as const)
        .filter((name) => slots[name] !== "")
        .map((name) => this.#tables[family].setNumber(id, name)),
      claims: claimsOf(state).filter((claim) => this.#owners.get(nameOf(family, claim)) === id),
    };
  }

  /**
   * Whose an endpoint set is.
   *
   * @param family Of the table.
   * @param number As the kernel has it.
   * @returns The id of its service port; undefined when it is nobody's.
   */
  idOfSet(family: IpFamily, number: number): string | undefined {
    return this.#tables[family].idOfSet(number);
  }

  /**
   * Whose a key is.
   *
   * @param family Of the table.
   * @param space How the connection is told.
   * @param key As Claim.key.
   * @returns The id of the service port that is served; undefined when it is nobody's.
   */
  idOfKey(family: IpFamily, space: Claim["space"], key: string): string | undefined {
    return this.#owners.get(nameOf(family, { space, key }));
  }

  /**
   * Whether an address is a cluster IP.
   *
   * @param family Of the address.
   * @param address As bytes.
   * @returns Whether the kernel's set holds it.
   */
  hasClusterIp(family: IpFamily, address: string): boolean {
    return this.#tables[family].hasClusterIp(address);
  }

  /**
   * Puts the families' tables in place with these service ports and no others, whatever was there.
   *
   * @param tx Receives the commands.
   * @param ports Each id once.
   * @param standing What the kernel has, so that it can keep which client has which endpoint.
   * @throws {WeirError} WEIR_ADDRESS_INVALID when a view holds an address that is none; the mirror
   * must not be used any more then.
   */
  replace(
    tx: Transaction,
    ports: readonly ServicePortView[],
    standing: StandingTables = {},
  ): void {
    this.#states.clear();
    this.#owners.clear();
    this.#shadowed.clear();
    for (const view of ports) {
      const state = stateOf(view);
      this.#states.set(view.id, state);
      for (const claim of claimsOf(state)) this.#attach(nameOf(state.family, claim), view.id);
    }
    this.renew(tx, standing);
  }

  /**
   * Puts the families' tables in place with what the mirror knows, their sets as large as that needs.
   *
   * @param tx Receives the commands.
   * @param standing As for {@linkcode Mirror.replace}.
   */
  renew(tx: Transaction, standing: StandingTables = {}): void {
    this.#tables = this.#newTables();
    for (const family of this.settings.families) this.#tables[family].begin(tx, standing[family]);
    for (const state of this.#states.values()) this.#tables[state.family].foresee(tx, state);
    for (const [id, state] of this.#states) {
      this.#tables[state.family].changeEndpoints(tx, id, undefined, state);
      for (const claim of claimsOf(state)) {
        if (this.#owners.get(nameOf(state.family, claim)) !== id) continue;
        const owned = { id, family: state.family, claim };
        this.#tables[state.family].changeClaim(tx, undefined, owned);
      }
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
   * @returns `outgrown` when more elements came than fit into the kernel's sets: the commands are
   * of no use then, and {@linkcode Mirror.renew} makes others that have the same effect.
   * @throws {WeirError} WEIR_ADDRESS_INVALID when a view holds an address that is none; the mirror
   * must not be used any more then.
   */
  apply(
    tx: Transaction,
    change: { readonly upserts: readonly ServicePortView[]; readonly removes: readonly string[] },
  ): "applied" | "outgrown" {
    for (const family of this.settings.families) this.#tables[family].settle(tx);
    /** What the kernel has under each key that is touched. */
    const before = new Map<string, OwnedClaim | undefined>();
    const touch = (name: string) => {
      if (!before.has(name)) before.set(name, this.#owned(name));
    };
    // What comes back within a change has not been gone.
    const upserts = new Map(change.upserts.map((view) => [view.id, view]));
    for (const id of change.removes) {
      const state = this.#states.get(id);
      if (state === undefined || upserts.has(id)) continue;
      const names = claimsOf(state).map((claim) => nameOf(state.family, claim));
      names.forEach(touch);
      this.#states.delete(id);
      for (const name of names) this.#detach(name, id);
      this.#tables[state.family].changeEndpoints(tx, id, state, undefined);
    }
    for (const view of upserts.values()) this.#upsert(tx, view.id, stateOf(view), touch);
    for (const [name, had] of before) {
      const has = this.#owned(name);
      if (had?.id === has?.id && had && has && sameClaim(had.claim, has.claim)) continue;
      const family = has?.family ?? had?.family;
      if (family !== undefined) this.#tables[family].changeClaim(tx, had, has);
    }
    return this.settings.families.some((family) => this.#tables[family].outgrown)
      ? "outgrown"
      : "applied";
  }

  #upsert(
    tx: Transaction,
    id: string,
    wanted: ServiceState,
    touch: (name: string) => void,
  ): void {
    const { family } = wanted;
    const known = this.#states.get(id);
    const names = claimsOf(wanted).map((claim) => nameOf(family, claim));
    const formerly = known === undefined
      ? []
      : claimsOf(known).map((claim) => nameOf(family, claim));
    for (const name of [...formerly, ...names]) touch(name);
    const arranged = known === undefined ? wanted : {
      ...wanted,
      slots: {
        cluster: arrangedSlots(known, wanted, "cluster"),
        local: arrangedSlots(known, wanted, "local"),
      },
    };
    this.#states.set(id, arranged);
    for (const name of formerly) if (!names.includes(name)) this.#detach(name, id);
    for (const name of names) this.#attach(name, id);
    this.#tables[family].changeEndpoints(tx, id, known, arranged);
  }

  /** Whose claim to a key is served, and how it reads. */
  #owned(name: string): OwnedClaim | undefined {
    const id = this.#owners.get(name);
    const state = id === undefined ? undefined : this.#states.get(id);
    if (id === undefined || state === undefined) return undefined;
    const claim = this.#claim(name, id);
    return claim === undefined ? undefined : { id, family: state.family, claim };
  }

  /** Takes a service port off a key; the next in order of those shadowed inherits. */
  #detach(name: string, id: string): void {
    const shadowed = this.#shadowed.get(name);
    if (shadowed?.delete(id)) {
      if (shadowed.size === 0) this.#shadowed.delete(name);
      return;
    }
    let heir: string | undefined;
    for (const other of shadowed ?? []) {
      if (heir === undefined || this.#goesBefore(name, other, heir)) heir = other;
    }
    if (heir === undefined) {
      this.#owners.delete(name);
      return;
    }
    shadowed?.delete(heir);
    if (shadowed?.size === 0) this.#shadowed.delete(name);
    this.#owners.set(name, heir);
  }

  /**
   * Puts a service port on a key, or in the shadow of the one that has it. Its state is in place: the
   * rank of a claim may be another than it was.
   */
  #attach(name: string, id: string): void {
    const owner = this.#owners.get(name);
    const shadowed = this.#shadowed.get(name);
    if ((owner === undefined || owner === id) && shadowed === undefined) {
      this.#owners.set(name, id);
      return;
    }
    const rivals = shadowed ?? new Set();
    if (owner !== undefined && owner !== id) rivals.add(owner);
    rivals.delete(id);
    let first = id;
    for (const rival of rivals) if (this.#goesBefore(name, rival, first)) first = rival;
    rivals.add(id);
    rivals.delete(first);
    this.#owners.set(name, first);
    this.#shadowed.set(name, rivals);
  }

  /** Whether a service port is served before another that claims the same key. */
  #goesBefore(name: string, one: string, other: string): boolean {
    return (this.#rank(name, one) - this.#rank(name, other) || (one < other ? -1 : 1)) < 0;
  }

  #rank(name: string, id: string): number {
    return this.#claim(name, id)?.rank ?? Infinity;
  }

  #claim(name: string, id: string): Claim | undefined {
    const state = this.#states.get(id);
    return state && claimsOf(state).find((claim) => nameOf(state.family, claim) === name);
  }
}

/** What tells a key from those of the other space and family. */
function nameOf(family: IpFamily, { space, key }: Pick<Claim, "space" | "key">): string {
  return space === "service" ? key : `${family} ${key}`;
}

function arrangedSlots(known: ServiceState, wanted: ServiceState, name: SetName): string {
  return arrange(known.slots[name], wanted.slots[name], wanted.family);
}
