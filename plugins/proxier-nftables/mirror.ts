/**
 * What is in the kernel, in memory, and how it becomes what it should be: which service port has
 * which key, and what each change of it means for its family's table.
 *
 * @module
 */
import type { IpFamily, ProxierSettings, ServicePortView, Transaction } from "weir";
import { demandOf, FamilyTable } from "./family_table.ts";
import { OBJECTS } from "./layout.ts";
import { type ServiceState, stateOf, withoutSpares } from "./service_state.ts";

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];

type Tables = Readonly<Record<IpFamily, FamilyTable>>;

function tablesFor(states: readonly ServiceState[]): Tables {
  const tableFor = (family: IpFamily) =>
    new FamilyTable(OBJECTS[family], demandOf(states.filter((state) => state.family === family)));
  return { IPv4: tableFor("IPv4"), IPv6: tableFor("IPv6") };
}

/** The service ports as the kernel has them. */
export class Mirror {
  readonly settings: ProxierSettings;
  #tables: Tables = tablesFor([]);
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
    return this.#tables[family].hasClusterIp(address);
  }

  /**
   * Puts both tables in place with these service ports and no others, whatever was there.
   *
   * @param tx Receives the commands.
   * @param ports Each id once.
   * @throws {WeirError} WEIR_ADDRESS_INVALID when a view holds an address that is none; the mirror
   * must not be used any more then.
   */
  replace(tx: Transaction, ports: readonly ServicePortView[]): void {
    this.#states.clear();
    this.#owners.clear();
    this.#shadowed.clear();
    for (const view of ports) this.#attach(view.id, stateOf(view));
    this.renew(tx);
  }

  /**
   * Puts both tables in place with what the mirror knows, their sets as large as that needs.
   *
   * @param tx Receives the commands.
   */
  renew(tx: Transaction): void {
    const states: ServiceState[] = [];
    for (const id of this.#owners.values()) {
      const state = this.#states.get(id);
      if (state !== undefined) states.push(state);
    }
    this.#tables = tablesFor(states);
    for (const family of FAMILIES) this.#tables[family].begin(tx, this.settings);
    for (const state of states) this.#tables[state.family].program(tx, state);
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
        if (programmed !== undefined) this.#tables[programmed.family].withdraw(tx, programmed);
        continue;
      }
      const table = this.#tables[wanted.family];
      if (programmed === undefined) table.program(tx, wanted);
      else this.#states.set(owner, table.change(tx, programmed, wanted));
    }
    return FAMILIES.some((family) => this.#tables[family].outgrown) ? "outgrown" : "applied";
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
}
