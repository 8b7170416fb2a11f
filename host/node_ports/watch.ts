/**
 * Keeps it true where NodePorts answer, while the Node and the node's addresses change.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { IpFamily, Node } from "../../schemas/kube.ts";
import type { NodePortAddresses } from "../../schemas/view.ts";
import type { Clock } from "../clock.ts";
import {
  listenAddresses,
  type NodePortSelection,
  primaryAddresses,
  resolveNodePortAddresses,
} from "./addresses.ts";

/** What the node's kernel says of its addresses. */
export interface KernelAddresses {
  /** Canonical texts of both families. */
  readonly addresses: readonly string[];
  /** By family: the address from which connections to far away come. */
  readonly sources: Readonly<Partial<Record<IpFamily, string>>>;
}

/** What the configuration asks for. */
export interface NodePortChoice {
  readonly selection: NodePortSelection;
  /** Objects come from a folder: where that has no Node, the default routes tell its addresses. */
  readonly standalone: boolean;
  /** By bindAddress: overrides the Node's own address of its family. */
  readonly bound?: { readonly family: IpFamily; readonly address: string } | undefined;
}

/** What the watch stands on. */
export interface NodePortWatchOptions extends NodePortChoice {
  /** Called when the answer is there for the first time, and when it has become another. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Milliseconds to wait for the Node and the kernel's addresses before going on with what is known,
 * as long as kube-proxy waits for them.
 */
const PATIENCE_MS = 30_000;

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];

type Primary = Readonly<Partial<Record<IpFamily, string>>>;

/** Knows where NodePorts answer. */
export class NodePortWatch {
  readonly #options: NodePortWatchOptions;
  #choice: NodePortChoice;
  readonly #cancelPatience: () => void;
  readonly #warned = new Set<string>();
  #kernel: KernelAddresses | undefined;
  /** The Node's, while it has some and after it had. */
  #primary: Primary | undefined;
  #nodeListed = false;
  #patient = true;
  #addresses: NodePortAddresses | undefined;
  #listen: readonly string[] = [];

  /** @param options What is asked for, and whom to tell. */
  constructor(options: NodePortWatchOptions) {
    this.#options = options;
    this.#choice = options;
    this.#cancelPatience = options.clock.after(PATIENCE_MS, () => {
      this.#patient = false;
      this.#resolve();
    });
  }

  /** Where NodePorts answer, or undefined while that is not known yet. */
  get addresses(): NodePortAddresses | undefined {
    return this.#addresses;
  }

  /** What servers bind that answer on the same addresses; none while they are not known yet. */
  get listen(): readonly string[] {
    return this.#listen;
  }

  /**
   * Takes notice of the Node. One that is gone for a moment, or has no addresses any more, keeps
   * those it had.
   *
   * @param node This Node, or undefined while none has been seen.
   * @param listed Whether Nodes have been listed, so that there is none when none was seen.
   */
  observeNode(node: Node | undefined, listed: boolean): void {
    const known = this.#nodeListed || this.#primary !== undefined;
    this.#nodeListed ||= listed;
    if (node !== undefined) {
      const primary = primaryAddresses(node.addresses);
      const same = FAMILIES.every((family) => primary[family] === this.#primary?.[family]);
      if (known && same) return;
      if (Object.keys(primary).length > 0 || this.#primary === undefined) this.#primary = primary;
    } else if (known) return;
    this.#resolve();
  }

  /**
   * Goes by another configuration. Until it is known where NodePorts answer by it, they answer
   * where they did.
   *
   * @param choice What it asks for.
   */
  reselect(choice: NodePortChoice): void {
    this.#choice = choice;
    this.#warned.clear();
    this.#resolve();
  }

  /**
   * Takes notice of the node's addresses.
   *
   * @param kernel What the kernel says now.
   */
  observeKernel(kernel: KernelAddresses): void {
    this.#kernel = kernel;
    this.#resolve();
  }

  /** Waits no more. */
  stop(): void {
    this.#cancelPatience();
  }

  #primaryNow(kernel: KernelAddresses | undefined): Primary | undefined {
    const { bound } = this.#choice;
    const told = this.#told(kernel);
    return told === undefined || bound === undefined
      ? told
      : { ...told, [bound.family]: bound.address };
  }

  #told(kernel: KernelAddresses | undefined): Primary | undefined {
    if (this.#primary !== undefined) return this.#primary;
    const { selection, standalone } = this.#choice;
    const wanted = FAMILIES.some((family) => selection[family].primary);
    if (wanted && !this.#nodeListed && this.#patient) return undefined;
    return standalone ? kernel?.sources ?? {} : {};
  }

  #resolve(): void {
    const { log, changed } = this.#options;
    const { selection } = this.#choice;
    const kernel = this.#kernel;
    if (kernel === undefined && this.#patient) return;
    const primary = this.#primaryNow(kernel);
    if (primary === undefined) return;
    const local = kernel?.addresses ?? [];
    const addresses = resolveNodePortAddresses(selection, local, primary);
    this.#listen = listenAddresses(addresses, local);
    this.#cancelPatience();
    if (JSON.stringify(addresses) === JSON.stringify(this.#addresses)) return;
    this.#addresses = addresses;
    log.info("NodePorts answer on", {
      addresses: addresses.type === "every" ? "every address" : addresses.addresses,
    });
    this.#advise(local, primary, addresses);
    changed();
  }

  /** Says once what an operator may not have meant. */
  #advise(local: readonly string[], primary: Primary, addresses: NodePortAddresses): void {
    const { log } = this.#options;
    const { selection } = this.#choice;
    const say = (message: string, family: IpFamily) => {
      if (this.#warned.has(message)) return;
      this.#warned.add(message);
      log.warn(message, { family });
    };
    for (const family of FAMILIES) {
      const own = primary[family];
      if (selection[family].primary && own !== undefined && !local.includes(own)) {
        say(
          `NodePorts do not answer on the Node's own address ${own}: no interface has it`,
          family,
        );
      }
      const listed = addresses.type === "every" ? local : addresses.addresses;
      if (
        selection[family].unnamed &&
        listed.some((text) => text.includes(":") === (family === "IPv6"))
      ) {
        say(
          `NodePorts answer on every ${family} address: nodePortAddresses has no ${family} entry`,
          family,
        );
      }
    }
  }
}
