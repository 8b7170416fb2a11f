/**
 * One rule against one packet, as nft_do_chain() runs its expressions.
 *
 * @module
 */
import { FIB_FLAG, REJECT_TYPE } from "../../../plugins/sdk/nft/constants.ts";
import { ipBytes } from "../../../schemas/ip.ts";
import type { FakeSet } from "../nft_fake_kernel.ts";
import { type Connection, stateOf, statusOf } from "./connections.ts";
import type { Effects } from "./effects.ts";
import {
  changeElement,
  compareBytes,
  datumOfElement,
  findCatchall,
  findElement,
  shapeOf,
} from "./elements.ts";
import { addressOf, routeTo, routeType, type TracedNode } from "./node.ts";
import { BITWISE_OP, CT_ALL, FAMILY_INET, FAMILY_OF, FIB_ALL, META_ALL } from "./numbers.ts";
import type { Operation, RuleVerdict } from "./operation.ts";
import { type Packet, PROTOCOL_NUMBER } from "./packet.ts";
import { Registers } from "./registers.ts";

/** How a refusal is answered; "nothing" when the answer does not fit the packet. */
export type RejectAnswer = "tcp reset" | "port unreachable" | `icmp code ${number}` | "nothing";

/** What a rule does. */
export type RuleEnd =
  | RuleVerdict
  | { readonly to: "reject"; readonly answer: RejectAnswer };

/** What a rule runs in. */
export interface Surroundings {
  /** The packet. */
  readonly packet: Packet;
  /** Where it came in; "" when the node itself sent it. */
  readonly iif: string;
  /** Where it goes out; "" when that is not decided or it stays. */
  readonly oif: string;
  /** Undefined before conntrack has seen the packet. */
  readonly connection: Connection | undefined;
  /** The node's addresses and routes. */
  readonly node: TracedNode;
  /** The sets of the rule's table. */
  readonly sets: ReadonlyMap<string, FakeSet>;
  /** Milliseconds on the kernel's clock. */
  readonly now: number;
  /** What the packet leaves behind. */
  readonly effects: Effects;
  /** Draws a number below the modulus. */
  readonly choose: (modulus: number) => number;
}

function host32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

function big16(value: number): Uint8Array {
  return new Uint8Array([value >> 8, value & 0xff]);
}

function number(bytes: Uint8Array): number {
  return new Uint32Array(bytes.slice().buffer)[0] ?? 0;
}

/** IFNAMSIZ bytes, as nft_meta_store_ifname() pads them. */
function interfaceName(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  new TextEncoder().encodeInto(name, bytes);
  return bytes;
}

function readMeta(key: number, { packet, iif, oif }: Surroundings): Uint8Array {
  switch (key) {
    case META_ALL.PROTOCOL:
      // EtherTypes of IPv4 and IPv6.
      return big16(packet.version === 4 ? 0x0800 : 0x86dd);
    case META_ALL.MARK:
      return host32(packet.mark);
    case META_ALL.IIFNAME:
      return interfaceName(iif);
    case META_ALL.OIFNAME:
      return interfaceName(oif);
    case META_ALL.NFPROTO:
      return new Uint8Array([FAMILY_OF[packet.version]]);
    case META_ALL.L4PROTO:
      return new Uint8Array([packet.protocol]);
    default:
      throw new TypeError(`Cannot trace meta key "${key}": the tracer does not know it`);
  }
}

/** The value of a ct key; undefined ends the rule. */
function readCt(
  key: number,
  direction: number | undefined,
  connection: Connection | undefined,
): Uint8Array | undefined {
  if (key === CT_ALL.STATE) return host32(stateOf(connection));
  if (connection === undefined) return undefined;
  const { source, destination, newSource = source, newDestination = destination } = connection;
  // The tuple of the reply is the translated one the other way round (enum ip_conntrack_dir).
  const [from, to] = direction === 1 ? [newDestination, newSource] : [source, destination];
  switch (key) {
    case CT_ALL.DIRECTION:
      return new Uint8Array([0]);
    case CT_ALL.STATUS:
      return host32(statusOf(connection));
    case CT_ALL.MARK:
      return host32(connection.mark);
    case CT_ALL.L3PROTOCOL:
      return new Uint8Array([FAMILY_OF[connection.version]]);
    case CT_ALL.PROTOCOL:
      return new Uint8Array([connection.protocol]);
    case CT_ALL.SRC:
    case CT_ALL.SRC_IP:
    case CT_ALL.SRC_IP6:
      return from.address;
    case CT_ALL.DST:
    case CT_ALL.DST_IP:
    case CT_ALL.DST_IP6:
      return to.address;
    case CT_ALL.PROTO_SRC:
      return big16(from.port);
    case CT_ALL.PROTO_DST:
      return big16(to.port);
    default:
      throw new TypeError(`Cannot trace ct key "${key}": the tracer does not know it`);
  }
}

function readFib(
  { result, flags }: Operation & { readonly kind: "fib" },
  { packet, node }: Surroundings,
): Uint8Array {
  const end = (flags & FIB_FLAG.saddr) !== 0 ? packet.source : packet.destination;
  if (result === FIB_ALL.ADDRTYPE) return host32(routeType(node, end.address));
  if (result === FIB_ALL.OIFNAME) {
    const route = routeTo(node, end.address);
    return interfaceName(route.kind === "out" ? route.interface : "");
  }
  throw new TypeError(`Cannot trace fib result "${result}": the tracer does not know it`);
}

function bitwise(
  { op, mask, xor, shift }: Operation & { readonly kind: "bitwise" },
  value: Uint8Array,
): Uint8Array {
  if (op === BITWISE_OP.boolean) {
    return value.map((byte, at) => (byte & (mask[at] ?? 0)) ^ (xor[at] ?? 0));
  }
  if (op !== BITWISE_OP.leftShift && op !== BITWISE_OP.rightShift) {
    throw new TypeError(`Cannot trace bitwise operation "${op}": the tracer does not know it`);
  }
  // Words of the host's order, the carry running from the last word to the first or back.
  const padded = new Uint8Array(value.length + 3 & ~3);
  padded.set(value);
  const words = new Uint32Array(padded.buffer);
  let carry = 0;
  const left = op === BITWISE_OP.leftShift;
  for (let step = 0; step < words.length; step++) {
    const at = left ? words.length - 1 - step : step;
    const word = words[at] ?? 0;
    words[at] = (left ? word << shift : word >>> shift) | carry;
    carry = shift === 0 ? 0 : left ? word >>> (32 - shift) : word << (32 - shift);
  }
  return padded.subarray(0, value.length);
}

function compares(op: string, order: number): boolean {
  switch (op) {
    case "eq":
      return order === 0;
    case "neq":
      return order !== 0;
    case "lt":
      return order < 0;
    case "lte":
      return order <= 0;
    case "gt":
      return order > 0;
    default:
      return order >= 0;
  }
}

function rejectAnswer(type: number, code: number, packet: Packet): RejectAnswer {
  if (type === REJECT_TYPE.TCP_RST) {
    // nf_send_reset() answers TCP only; the packet is dropped all the same.
    return packet.protocol === PROTOCOL_NUMBER.TCP ? "tcp reset" : "nothing";
  }
  // NFT_REJECT_ICMPX_PORT_UNREACH, ICMP_PORT_UNREACH, ICMPV6_PORT_UNREACH.
  const port = type === REJECT_TYPE.ICMPX_UNREACH ? 1 : packet.version === 4 ? 3 : 4;
  return code === port ? "port unreachable" : `icmp code ${code}`;
}

const BREAK = { to: "break" } as const;
const ACCEPT = { to: "accept" } as const;

/** A rule while it runs. */
class Run {
  readonly #registers = new Registers();
  readonly #in: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#in = surroundings;
  }

  #set(name: string): FakeSet {
    const set = this.#in.sets.get(name);
    if (set === undefined) throw new TypeError(`Cannot look up in set "${name}": there is none`);
    return set;
  }

  #lookup(operation: Operation & { readonly kind: "lookup" }): RuleEnd | undefined {
    const set = this.#set(operation.set);
    const key = this.#registers.read(operation.from, shapeOf(set).keyLength);
    const found = findElement(set, key, this.#in.now);
    const matches = (found !== undefined) !== operation.inverted;
    // nft_lookup_eval: who does not match may still have the element for all others.
    const element = matches ? found : findCatchall(set);
    if (!matches && element === undefined) return BREAK;
    if (operation.into === undefined || element === undefined) return undefined;
    const datum = datumOfElement(element);
    if (datum === undefined) return undefined;
    if (datum.kind === "verdict") return datum.verdict;
    if (operation.into === "verdict") throw new TypeError("Cannot take data for a verdict");
    this.#registers.write(operation.into, datum.bytes);
    return undefined;
  }

  #dynset(operation: Operation & { readonly kind: "dynset" }): RuleEnd | undefined {
    const set = this.#set(operation.set);
    const { keyLength, dataLength } = shapeOf(set);
    const { op, timeout, inverted } = operation;
    const goesOn = changeElement(
      set,
      {
        op,
        key: this.#registers.read(operation.key, keyLength),
        data: operation.data === undefined
          ? undefined
          : this.#registers.read(operation.data, dataLength),
        timeout,
      },
      this.#in.now,
      this.#in.effects,
    );
    return op === "delete" || goesOn !== inverted ? undefined : BREAK;
  }

  #nat(operation: Operation & { readonly kind: "nat" }): RuleEnd | undefined {
    const { packet, connection } = this.#in;
    const { changes, family } = operation;
    // nft_nat_inet_eval() passes packets of the other family by.
    if (family !== FAMILY_INET && family !== FAMILY_OF[packet.version]) return undefined;
    if (connection === undefined) return ACCEPT;
    const before = changes === "source" ? packet.source : packet.destination;
    const end = {
      address: operation.address === undefined
        ? before.address
        : this.#registers.read(operation.address, before.address.length),
      port: operation.port === undefined
        ? before.port
        : new DataView(this.#registers.read(operation.port, 2).buffer).getUint16(0),
    };
    if (changes === "source") connection.newSource = end;
    else connection.newDestination = end;
    return ACCEPT;
  }

  #masquerade(): RuleEnd {
    const { packet, connection, node, oif } = this.#in;
    if (connection === undefined) return ACCEPT;
    const family = packet.version === 4 ? "IPv4" : "IPv6";
    connection.newSource = {
      address: ipBytes(addressOf(node, oif, family)),
      port: packet.source.port,
    };
    connection.masqueraded = true;
    return ACCEPT;
  }

  /** Runs one expression; undefined goes on with the next. */
  step(operation: Operation): RuleEnd | undefined {
    const registers = this.#registers;
    const { packet, connection, effects } = this.#in;
    switch (operation.kind) {
      case "payload": {
        const { base, offset, length, into } = operation;
        const bytes = packet.payload(base, offset, length);
        if (bytes === undefined) return BREAK;
        registers.write(into, bytes);
        return undefined;
      }
      case "meta":
        registers.write(operation.into, readMeta(operation.key, this.#in));
        return undefined;
      case "metaSet":
        if (operation.key !== META_ALL.MARK) {
          throw new TypeError(`Cannot trace meta key "${operation.key}": it is written`);
        }
        packet.mark = number(registers.read(operation.from, 4));
        return undefined;
      case "ct": {
        const bytes = readCt(operation.key, operation.direction, connection);
        if (bytes === undefined) return BREAK;
        registers.write(operation.into, bytes);
        return undefined;
      }
      case "ctSet": {
        if (operation.key !== CT_ALL.MARK) {
          throw new TypeError(`Cannot trace ct key "${operation.key}": it is written`);
        }
        if (connection === undefined) return undefined;
        const { mark } = connection;
        effects.record(() => connection.mark = mark);
        connection.mark = number(registers.read(operation.from, 4));
        return undefined;
      }
      case "fib":
        registers.write(operation.into, readFib(operation, this.#in));
        return undefined;
      case "numgen": {
        const { modulus, offset, into } = operation;
        registers.write(into, host32(offset + this.#in.choose(modulus)));
        return undefined;
      }
      case "bitwise":
        registers.write(
          operation.into,
          bitwise(operation, registers.read(operation.from, operation.length)),
        );
        return undefined;
      case "byteorder": {
        const { from, into, length, size } = operation;
        const bytes = registers.read(from, length);
        for (let at = 0; at + size <= length; at += size) bytes.subarray(at, at + size).reverse();
        registers.write(into, bytes);
        return undefined;
      }
      case "compare": {
        const value = registers.read(operation.from, operation.bytes.length);
        return compares(operation.op, compareBytes(value, operation.bytes)) ? undefined : BREAK;
      }
      case "range": {
        const value = registers.read(operation.from, operation.least.length);
        const inside = compareBytes(value, operation.least) >= 0 &&
          compareBytes(value, operation.most) <= 0;
        return inside === operation.inside ? undefined : BREAK;
      }
      case "lookup":
        return this.#lookup(operation);
      case "dynset":
        return this.#dynset(operation);
      case "immediate": {
        const { into, datum } = operation;
        if (datum.kind === "verdict") return datum.verdict;
        if (into === "verdict") throw new TypeError("Cannot take a value for a verdict");
        registers.write(into, datum.bytes);
        return undefined;
      }
      case "reject":
        return { to: "reject", answer: rejectAnswer(operation.type, operation.code, packet) };
      case "nat":
        return this.#nat(operation);
      case "masquerade":
        return this.#masquerade();
      case "nothing":
        return undefined;
    }
  }
}

/**
 * Runs a rule.
 *
 * @param operations Its expressions.
 * @param surroundings What it runs in.
 * @returns What it does: `continue` when its last expression was passed, `break` when one did not
 * match. Both go on with the next rule.
 * @throws {TypeError} When it does what the tracer does not know or what the kernel would refuse.
 */
export function runRule(
  operations: readonly Operation[],
  surroundings: Surroundings,
): RuleEnd {
  const run = new Run(surroundings);
  for (const operation of operations) {
    const end = run.step(operation);
    if (end !== undefined && end.to !== "continue") return end;
  }
  return { to: "continue" };
}
