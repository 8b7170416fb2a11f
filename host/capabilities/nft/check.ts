/**
 * Looks through what a plugin wants to send to nf_tables and refuses, before the kernel sees any
 * of it, whatever is outside its grant or not well-formed. The kernel's own parser is lenient: it
 * takes the last of two equal attributes, ignores unknown ones, flags and trailing bytes. This one
 * takes nothing that two readers could read differently.
 *
 * @module
 */
import { align, ATTRIBUTE_HEADER, ATTRIBUTE_TYPE, NLMSG_HEADER } from "../netlink_message.ts";
import { type Fields, MESSAGE_KINDS, type Value, WRITES } from "./grammar.ts";

/** What is left to say of a batch that was looked through. */
export type CheckResult =
  | { readonly type: "accepted" }
  | {
    readonly type: "refused";
    /** Index of the guilty message; -1 when the batch as a whole is at fault. */
    readonly message: number;
    /** Which kind of message it is and where in it the fault lies, outermost first. */
    readonly path: readonly string[];
    /** The fault, to follow a colon. */
    readonly reason: string;
  };

/** What a batch is measured against. */
export interface BatchGrant {
  /** The one table, by name; in the families ip, ip6 and inet. */
  readonly table: string;
  /** The number of messages that the plugin announced. */
  readonly messages: number;
  /** The most bytes a batch may have. */
  readonly maxBytes: number;
}

/** NFNL_SUBSYS_NFTABLES. Source: include/uapi/linux/netfilter/nfnetlink.h. */
const SUBSYSTEM = 10;
/** Bytes of a struct nfgenmsg: family, version, resource id. */
const NFGENMSG = 4;
/** NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6. Not 0, which means all, netdev, bridge or arp. */
const FAMILIES: ReadonlySet<number> = new Set([1, 2, 10]);
/** NFT_NAME_MAXLEN, with the terminating NUL. */
const NAME_MAX = 256;
const REQUEST = 0x1;
const REPLACE = 0x100;
const EXCL = 0x200;

/** A fault, on its way out of nested attributes; `path` grows from inside. */
interface Fault {
  readonly path: string[];
  readonly reason: string;
}

const fault = (reason: string): Fault => ({ path: [], reason });

/** Reads one batch against one table's name. */
class Walker {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** The table's name with its terminating NUL. */
  readonly #table: Uint8Array;

  constructor(bytes: Uint8Array, table: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#table = new TextEncoder().encode(`${table}\0`);
  }

  /**
   * Where the attribute at `at` ends, padding included, or why it does not fit into `end`.
   */
  #span(at: number, end: number): number | Fault {
    if (end - at < ATTRIBUTE_HEADER) return fault(`${end - at} bytes trail`);
    const length = this.#view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER) return fault(`an attribute's length is ${length}`);
    const next = at + align(length);
    return next <= end ? next : fault(`an attribute of ${length} bytes leaves its container`);
  }

  #type(at: number): number {
    return this.#view.getUint16(at + 2, true) & ATTRIBUTE_TYPE;
  }

  /** The attributes from `at` to `end` against the ones that may be there. */
  fields(at: number, end: number, fields: Fields): Fault | undefined {
    let seen = 0;
    while (at < end) {
      const next = this.#span(at, end);
      if (typeof next !== "number") return next;
      const type = this.#type(at);
      const field = fields.byType[type];
      if (field === undefined) return fault(`attribute ${type} is not allowed here`);
      // The kernel would take the last one, so the first proves nothing.
      if ((seen & 1 << type) !== 0) return fault(`attribute ${field.name} is there twice`);
      seen |= 1 << type;
      const found = this.#value(
        at + ATTRIBUTE_HEADER,
        at + this.#view.getUint16(at, true),
        field.value,
      );
      if (found !== undefined) {
        found.path.unshift(field.name);
        return found;
      }
      at = next;
    }
    const missing = fields.required & ~seen;
    if (missing === 0) return undefined;
    const type = 31 - Math.clz32(missing & -missing);
    return fault(`attribute ${fields.byType[type]?.name ?? type} is missing`);
  }

  #value(start: number, end: number, value: Value): Fault | undefined {
    const size = end - start;
    switch (value.is) {
      case "fields":
        return this.fields(start, end, value.fields);
      case "bytes":
        if (size >= value.min && size <= value.max) return undefined;
        return fault(`it has ${size} bytes, not ${value.min} to ${value.max}`);
      case "u32": {
        if (size !== 4) return fault(`it has ${size} bytes, not 4`);
        const number = this.#view.getUint32(start);
        return value.allows(number) ? undefined : fault(`the value ${number} is not allowed`);
      }
      case "name":
        return this.#name(start, end);
      case "table":
        return this.#isTable(start, end)
          ? undefined
          : fault(`${this.#shown(start, end)} is not the granted table`);
      case "list":
        return this.#list(start, end, value.of, value.max);
      case "expression":
        return this.#expression(start, end, value.among);
    }
  }

  /** Byte for byte, with exactly one NUL at the end. */
  #isTable(start: number, end: number): boolean {
    if (end - start !== this.#table.length) return false;
    for (let index = 0; index < this.#table.length; index++) {
      if (this.#bytes[start + index] !== this.#table[index]) return false;
    }
    return true;
  }

  /** What a plugin wrote where a table's name belongs, fit for a log. */
  #shown(start: number, end: number): string {
    const text = new TextDecoder().decode(this.#bytes.subarray(start, Math.min(end, start + 64)));
    return JSON.stringify(text.replace(/\0$/, ""));
  }

  #name(start: number, end: number): Fault | undefined {
    const size = end - start;
    if (size < 2 || size > NAME_MAX || this.#bytes[end - 1] !== 0) {
      return fault("it is not a name of 1 to 255 bytes with its NUL");
    }
    for (let at = start; at < end - 1; at++) {
      const byte = this.#bytes[at] ?? 0;
      // The kernel replaces "%d" in the name of a new set by a number of its choice.
      if (byte < 0x21 || byte > 0x7e || byte === 0x25) {
        return fault(`the name has a byte 0x${byte.toString(16).padStart(2, "0")}`);
      }
    }
    return undefined;
  }

  #list(at: number, end: number, of: Value, max: number): Fault | undefined {
    for (let index = 0; at < end; index++) {
      const next = this.#span(at, end);
      if (typeof next !== "number") return next;
      // NFTA_LIST_ELEM.
      if (this.#type(at) !== 1) return fault(`attribute ${this.#type(at)} is not a list's element`);
      if (index >= max) return fault(`the list has more than ${max} elements`);
      const found = this.#value(at + ATTRIBUTE_HEADER, at + this.#view.getUint16(at, true), of);
      if (found !== undefined) {
        found.path.unshift(String(index));
        return found;
      }
      at = next;
    }
    return undefined;
  }

  /** NFTA_EXPR_NAME and then NFTA_EXPR_DATA, the order in which everyone writes them. */
  #expression(
    start: number,
    end: number,
    among: ReadonlyMap<string, Fields>,
  ): Fault | undefined {
    const middle = this.#span(start, end);
    if (typeof middle !== "number") return middle;
    if (this.#type(start) !== 1) return fault("an expression does not begin with its name");
    const nameEnd = start + this.#view.getUint16(start, true);
    const wrong = this.#name(start + ATTRIBUTE_HEADER, nameEnd);
    if (wrong !== undefined) return wrong;
    const name = String.fromCharCode(
      ...this.#bytes.subarray(start + ATTRIBUTE_HEADER, nameEnd - 1),
    );
    // "meta!" and "ct!" are this grammar's own names and no kernel's.
    const reading = name.endsWith("!") ? undefined : among.get(name);
    if (reading === undefined) return fault(`expression "${name}" is not allowed`);
    let dataStart = middle;
    let dataEnd = middle;
    if (middle < end) {
      const last = this.#span(middle, end);
      if (typeof last !== "number") return last;
      if (this.#type(middle) !== 2) {
        return fault(`attribute ${this.#type(middle)} is not allowed after an expression's name`);
      }
      if (last !== end) return fault(`${end - last} bytes trail`);
      dataStart = middle + ATTRIBUTE_HEADER;
      dataEnd = middle + this.#view.getUint16(middle, true);
    }
    const writing = this.#has(dataStart, dataEnd, WRITES.get(name))
      ? among.get(`${name}!`)
      : undefined;
    const found = this.fields(dataStart, dataEnd, writing ?? reading);
    found?.path.unshift(name);
    return found;
  }

  #has(at: number, end: number, type: number | undefined): boolean {
    if (type === undefined) return false;
    while (at < end) {
      const next = this.#span(at, end);
      // Whatever does not fit is found by `fields`, which reads the same bytes next.
      if (typeof next !== "number") return false;
      if (this.#type(at) === type) return true;
      at = next;
    }
    return false;
  }

  /** The message at `at`: where the next begins, or the fault. */
  message(at: number): number | Fault {
    const left = this.#bytes.length - at;
    if (left < NLMSG_HEADER + NFGENMSG) return fault(`${left} bytes trail`);
    const length = this.#view.getUint32(at, true);
    if (length < NLMSG_HEADER + NFGENMSG || length > left || length % 4 !== 0) {
      return fault(`its length is ${length}, with ${left} bytes there`);
    }
    const type = this.#view.getUint16(at + 4, true);
    const kind = type >> 8 === SUBSYSTEM ? MESSAGE_KINDS.get(type & 0xff) : undefined;
    if (kind === undefined) return fault(`message type ${type} is not allowed`);
    const found = this.#header(at, kind.flags) ??
      this.fields(at + NLMSG_HEADER + NFGENMSG, at + length, kind.fields);
    if (found === undefined) return at + length;
    found.path.unshift(kind.name);
    return found;
  }

  #header(at: number, allowed: number): Fault | undefined {
    const flags = this.#view.getUint16(at + 6, true);
    // REPLACE and EXCL together are the bits of NLM_F_DUMP.
    const dump = REPLACE | EXCL;
    if ((flags & ~allowed) !== 0 || (flags & REQUEST) === 0 || (flags & dump) === dump) {
      return fault(`its flags are 0x${flags.toString(16)}`);
    }
    const family = this.#bytes[at + NLMSG_HEADER] ?? 0;
    if (!FAMILIES.has(family)) return fault(`its family is ${family}, not ip, ip6 or inet`);
    const rest = this.#view.getUint32(at + NLMSG_HEADER) & 0xffffff;
    return rest === 0 ? undefined : fault("its version or resource id is not 0");
  }
}

/**
 * Looks through a batch. What it accepts holds only messages that create, change or delete parts
 * of the granted table in the families ip, ip6 and inet.
 *
 * @param bytes nf_tables messages one after the other, as `nft.commit` brings them.
 * @param grant The table, the announced number of messages, and the limit of size.
 * @returns That it is accepted, or the first fault with the place where it lies.
 */
export function checkBatch(bytes: Uint8Array, grant: BatchGrant): CheckResult {
  const refused = (message: number, { path, reason }: Fault): CheckResult => ({
    type: "refused",
    message,
    path,
    reason,
  });
  if (bytes.length > grant.maxBytes) {
    return refused(-1, fault(`it has ${bytes.length} bytes, more than ${grant.maxBytes}`));
  }
  const walker = new Walker(bytes, grant.table);
  let messages = 0;
  for (let at = 0; at < bytes.length; messages++) {
    const next = walker.message(at);
    if (typeof next !== "number") return refused(messages, next);
    at = next;
  }
  if (messages !== grant.messages) {
    return refused(-1, fault(`it has ${messages} messages, announced were ${grant.messages}`));
  }
  return { type: "accepted" };
}
