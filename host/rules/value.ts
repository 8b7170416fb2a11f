/**
 * Values as nft writes them: what a key's or datum's bytes mean by the type of its field.
 *
 * @module
 */
import { formatIp } from "../../schemas/ip.ts";
import { viewOf } from "./wire.ts";

/** What the bytes of a field mean. */
export type FieldType =
  | "ipv4_addr"
  | "ipv6_addr"
  | "inet_proto"
  | "inet_service"
  | "mark"
  | "integer"
  | "ifname"
  | "nf_proto"
  | "ct_state"
  | "ct_status"
  | "fib_addrtype"
  | "ether_addr"
  | "bytes";

/** A field of a key or of data. */
export interface Field {
  readonly type: FieldType;
  /** As a declaration has it: a type's name, or an expression such as `meta mark`. */
  readonly text: string;
  /** Without padding; undefined when the type does not tell. */
  readonly bytes: number | undefined;
  /** The field is filled by chance, which makes all its values one another's equals. */
  readonly random?: true;
}

/** enum datatypes of libnftables, of those that keys are made of. */
const TYPES: ReadonlyMap<number, Field> = new Map(
  ([
    [2, "nf_proto", "nf_proto", 1],
    [4, "integer", "integer", undefined],
    [5, "string", "bytes", undefined],
    [7, "ipv4_addr", "ipv4_addr", 4],
    [8, "ipv6_addr", "ipv6_addr", 16],
    [9, "ether_addr", "ether_addr", 6],
    [10, "ether_type", "bytes", 2],
    [12, "inet_proto", "inet_proto", 1],
    [13, "inet_service", "inet_service", 2],
    [19, "mark", "mark", 4],
    [20, "iface_index", "integer", 4],
    [26, "ct_state", "ct_state", 4],
    [28, "ct_status", "ct_status", 4],
    [41, "ifname", "ifname", 16],
  ] as const).map(([id, text, type, bytes]) => [id, { type, text, bytes }]),
);

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [58, "icmpv6"],
  [132, "sctp"],
]);

/** NFPROTO_*. */
const PACKET_FAMILIES: ReadonlyMap<number, string> = new Map([[2, "ipv4"], [10, "ipv6"]]);

/** Bits by their names, lowest first. Sources: nf_conntrack_common.h. */
const CT_STATE: readonly (readonly [number, string])[] = [
  [1, "invalid"],
  [2, "established"],
  [4, "related"],
  [8, "new"],
  [64, "untracked"],
];
const CT_STATUS: readonly (readonly [number, string])[] = [
  [1, "expected"],
  [2, "seen-reply"],
  [4, "assured"],
  [8, "confirmed"],
  [16, "snat"],
  [32, "dnat"],
  [512, "dying"],
];

/** RTN_*. Source: include/uapi/linux/rtnetlink.h. */
const ADDRESS_TYPES = ["unspec", "unicast", "local", "broadcast", "anycast", "multicast"];

/**
 * The fields of nft's number for a type: 6 bits each, the first uppermost.
 *
 * @param number Of a key or of data.
 * @returns Its fields; one of bytes where the number is unknown.
 */
export function fieldsOf(number: number): readonly Field[] {
  const fields: Field[] = [];
  for (let rest = number >>> 0; rest > 0; rest = Math.floor(rest / 64)) {
    const id = rest % 64;
    fields.unshift(TYPES.get(id) ?? { type: "bytes", text: `type-${id}`, bytes: undefined });
  }
  return fields.length > 0 ? fields : [{ type: "bytes", text: "integer", bytes: undefined }];
}

/**
 * A number as nft writes marks.
 *
 * @param value Unsigned 32 bits.
 * @returns For example `0x00004000`.
 */
export function hexadecimal(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

/**
 * Bytes as one hexadecimal number.
 *
 * @param bytes In their order.
 * @returns For example `0x0a00`.
 */
export function hexadecimalBytes(bytes: Uint8Array): string {
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** A number as it lies in a register: in the host's order, which on all of them is little-endian. */
function hostNumber(bytes: Uint8Array): number {
  const padded = new Uint8Array(4);
  padded.set(bytes.subarray(0, 4));
  return viewOf(padded).getUint32(0, true);
}

/**
 * The names of a number's bits.
 *
 * @param type `ct_state` or `ct_status`.
 * @param bits Of the number.
 * @returns Names with commas; the number where a bit has none.
 */
function bitNames(type: "ct_state" | "ct_status", bits: number): string {
  const names = (type === "ct_state" ? CT_STATE : CT_STATUS).filter(([bit]) => (bits & bit) !== 0);
  const known = names.reduce((sum, [bit]) => sum | bit, 0);
  return bits === 0 || known !== bits ? hexadecimal(bits) : names.map(([, name]) => name).join(",");
}

/**
 * Writes a value.
 *
 * @param type What it is.
 * @param bytes It, without padding.
 * @returns As `nft -nn` prints it, but that protocols have their names.
 */
export function formatField(type: FieldType, bytes: Uint8Array): string {
  switch (type) {
    case "ipv4_addr":
      return bytes.length === 4 ? formatIp(bytes) : hexadecimalBytes(bytes);
    case "ipv6_addr":
      return bytes.length === 16 ? formatIp(bytes) : hexadecimalBytes(bytes);
    case "inet_proto":
      return PROTOCOLS.get(bytes[0] ?? 0) ?? String(bytes[0] ?? 0);
    case "inet_service":
      return String((bytes[0] ?? 0) << 8 | (bytes[1] ?? 0));
    case "mark":
      return hexadecimal(hostNumber(bytes));
    case "integer":
      return bytes.length <= 4 ? String(hostNumber(bytes)) : hexadecimalBytes(bytes);
    case "ifname": {
      const end = bytes.indexOf(0);
      const name = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
      // Without a NUL it is the beginning of a name.
      return `"${name}${end < 0 && bytes.length < 16 ? "*" : ""}"`;
    }
    case "nf_proto":
      return PACKET_FAMILIES.get(bytes[0] ?? 0) ?? String(bytes[0] ?? 0);
    case "ct_state":
    case "ct_status":
      return bitNames(type, hostNumber(bytes));
    case "fib_addrtype":
      return ADDRESS_TYPES[hostNumber(bytes)] ?? String(hostNumber(bytes));
    case "ether_addr":
      return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    case "bytes":
      return hexadecimalBytes(bytes);
  }
}

/** A key's bytes, each field padded to 4 bytes, field by field. */
function split(
  fields: readonly Field[],
  bytes: Uint8Array,
): readonly (readonly [Field, Uint8Array])[] {
  const [only] = fields;
  if (fields.length === 1 && only !== undefined) return [[only, bytes]];
  const told = fields.reduce((sum, field) => sum + ((field.bytes ?? 0) + 3 & ~3), 0);
  const silent = fields.filter((field) => field.bytes === undefined).length;
  const each = silent === 0 ? 0 : Math.max(4, Math.floor((bytes.length - told) / silent) & ~3);
  let at = 0;
  return fields.map((field) => {
    const length = field.bytes ?? each;
    const part = bytes.subarray(at, at + length);
    at += length + 3 & ~3;
    return [field, part] as const;
  });
}

/**
 * Writes the value of a key or of data.
 *
 * @param fields What it is made of.
 * @param bytes It, each field of several padded to 4 bytes.
 * @returns For example `10.96.0.10 . tcp . 80`.
 */
export function formatValue(fields: readonly Field[], bytes: Uint8Array): string {
  return split(fields, bytes).map(([{ type }, part]) => formatField(type, part)).join(" . ");
}
