/**
 * Rules as bytecode: statements that compare, look up and act.
 *
 * @module
 */
import type { NftFamily } from "../../../schemas/capability.ts";
import { parseCidr, parseIp } from "../../../schemas/ip.ts";
import type { MessageWriter } from "./bytes.ts";
import {
  COUNTER,
  DATA,
  DYNSET,
  DYNSET_OP,
  FAMILY,
  IMMEDIATE,
  LOOKUP,
  LOOKUP_INVERTED,
  MASQ,
  META,
  META_KEY,
  NAT,
  NAT_DNAT,
  RANDOM_FULLY,
  REJECT,
  REJECT_TYPE,
  VERDICT,
  VERDICT_CODE,
} from "./constants.ts";
import { DATA_TYPES, type FieldValue } from "./datatype.ts";
import {
  bitwise,
  compare,
  expression,
  fieldBytes,
  hostBytes,
  load,
  loadKey,
  refuse,
  register,
  value,
} from "./encode_expression.ts";
import type { ExpressionNode } from "./expressions.ts";
import { familyOf, typeOf } from "./node_type.ts";
import type { Destination, NftVerdict, Statement } from "./statements.ts";

/**
 * Writes a verdict as nested data.
 *
 * @param writer Of the message.
 * @param attribute That holds the data.
 * @param verdict What to write.
 */
export function writeVerdict(writer: MessageWriter, attribute: number, verdict: NftVerdict): void {
  const data = writer.open(attribute);
  const nested = writer.open(DATA.VERDICT);
  writer.be32(VERDICT.CODE, VERDICT_CODE[verdict.to]);
  if ("chain" in verdict) writer.string(VERDICT.CHAIN, verdict.chain);
  writer.close(nested);
  writer.close(data);
}

function flag(names: Readonly<Record<string, number>>, what: string, name: FieldValue): number {
  const bits = typeof name === "number" ? name : names[name];
  if (bits === undefined) {
    throw refuse(what, name, `it is none of ${Object.keys(names).join(", ")}`);
  }
  return bits;
}

function encodeCompare(
  writer: MessageWriter,
  statement: Statement & { readonly kind: "compare" },
): void {
  const { node, op } = statement;
  const wanted = statement.value;
  load(writer, node, 0);
  if (node.kind === "ct" || node.kind === "fib") {
    compare(writer, op, hostBytes(flag(node.names, node.text, wanted)));
    return;
  }
  const type = typeOf(node);
  if (type === undefined) {
    throw refuse("comparison", wanted, "a concatenation or lookup has no single value");
  }
  if (typeof wanted === "string" && type === "ifname" && wanted.endsWith("*")) {
    // A prefix is compared without the NUL that would end the name.
    const prefix = wanted.slice(0, -1);
    compare(
      writer,
      op,
      fieldBytes(type, prefix).subarray(0, new TextEncoder().encode(prefix).length),
    );
    return;
  }
  if (typeof wanted === "string" && wanted.includes("/")) {
    const cidr = parseCidr(wanted);
    if (cidr === undefined || cidr.network.length !== DATA_TYPES[type].bytes) {
      throw refuse("comparison", wanted, `it is no CIDR for ${type}`);
    }
    const mask = new Uint8Array(cidr.network.length);
    for (let bit = 0; bit < cidr.prefix; bit++) {
      mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
    }
    bitwise(writer, 0, mask, new Uint8Array(mask.length));
    compare(writer, op, cidr.network);
    return;
  }
  compare(writer, op, fieldBytes(type, wanted));
}

/** The address family of a destination. */
function destinationFamily(to: ExpressionNode | Destination): "ip" | "ip6" | undefined {
  if (!("address" in to)) return familyOf(to);
  return parseIp(to.address)?.length === 16 ? "ip6" : "ip";
}

function encodeDnat(
  writer: MessageWriter,
  family: NftFamily,
  to: ExpressionNode | Destination,
): void {
  const translated = family === "inet" ? destinationFamily(to) : family;
  if (translated === undefined) {
    throw refuse("dnat", "to", "in a table of family inet it must read an address");
  }
  const address = translated === "ip" ? "ipv4_addr" : "ipv6_addr";
  const portWord = DATA_TYPES[address].words;
  if ("address" in to) {
    for (
      const [word, bytes] of [
        [0, fieldBytes(address, to.address)],
        [portWord, fieldBytes("inet_service", to.port)],
      ] as const
    ) {
      expression(writer, "immediate", () => {
        writer.be32(IMMEDIATE.DREG, register(word));
        value(writer, IMMEDIATE.DATA, bytes);
      });
    }
  } else load(writer, to, 0);
  expression(writer, "nat", () => {
    writer.be32(NAT.TYPE, NAT_DNAT);
    writer.be32(NAT.FAMILY, FAMILY[translated]);
    writer.be32(NAT.REG_ADDR_MIN, register(0));
    // The kernel derives NF_NAT_RANGE_MAP_IPS and …_PROTO_SPECIFIED from the registers.
    writer.be32(NAT.REG_PROTO_MIN, register(portWord));
  });
}

/** Where a rule is: the family of its table, and of the packets that its statements see. */
interface Place {
  readonly family: NftFamily;
  readonly packets: NftFamily;
}

function encodeReject(
  writer: MessageWriter,
  packets: NftFamily,
  answer: "port-unreachable" | "tcp reset",
): void {
  expression(writer, "reject", () => {
    if (answer === "tcp reset") {
      writer.be32(REJECT.TYPE, REJECT_TYPE.TCP_RST);
      writer.bytes(REJECT.ICMP_CODE, new Uint8Array([0]));
      return;
    }
    // ICMPX stands for either family and is for inet only (nft_reject_inet.c). Port unreachable
    // is code 3 of ICMP, code 4 of ICMPv6, code 1 of ICMPX.
    writer.be32(
      REJECT.TYPE,
      packets === "inet" ? REJECT_TYPE.ICMPX_UNREACH : REJECT_TYPE.ICMP_UNREACH,
    );
    writer.bytes(
      REJECT.ICMP_CODE,
      new Uint8Array([packets === "inet" ? 1 : packets === "ip" ? 3 : 4]),
    );
  });
}

function encodeStatement(writer: MessageWriter, place: Place, statement: Statement): void {
  switch (statement.kind) {
    case "compare":
      encodeCompare(writer, statement);
      return;
    case "bits": {
      const { node } = statement;
      if (node.kind !== "ct") throw refuse("bits", statement.names.join(","), "not of conntrack");
      const mask = statement.names.reduce(
        (sum, name) => sum | flag(node.names, node.text, name),
        0,
      );
      load(writer, node, 0);
      bitwise(writer, 0, hostBytes(mask), hostBytes(0));
      compare(writer, "neq", hostBytes(0));
      return;
    }
    case "lookup":
      loadKey(writer, statement.node, 0);
      expression(writer, "lookup", () => {
        writer.string(LOOKUP.SET, statement.set);
        writer.be32(LOOKUP.SREG, register(0));
        if (statement.inverted) writer.be32(LOOKUP.FLAGS, LOOKUP_INVERTED);
      });
      return;
    case "vmap":
      loadKey(writer, statement.node, 0);
      expression(writer, "lookup", () => {
        writer.string(LOOKUP.SET, statement.map);
        writer.be32(LOOKUP.SREG, register(0));
        // Register 0 is the verdict.
        writer.be32(LOOKUP.DREG, 0);
      });
      return;
    case "verdict":
      expression(writer, "immediate", () => {
        writer.be32(IMMEDIATE.DREG, 0);
        writeVerdict(writer, IMMEDIATE.DATA, statement.verdict);
      });
      return;
    case "metaSet": {
      const { node, value: wanted } = statement;
      if (node.kind !== "meta") throw refuse("assignment", node.kind, "only meta can be set");
      if (typeof wanted === "number") {
        expression(writer, "immediate", () => {
          writer.be32(IMMEDIATE.DREG, register(0));
          value(writer, IMMEDIATE.DATA, fieldBytes(node.type, wanted));
        });
      } else load(writer, wanted, 0);
      expression(writer, "meta", () => {
        writer.be32(META.KEY, node.key);
        writer.be32(META.SREG, register(0));
      });
      return;
    }
    case "reject":
      encodeReject(writer, place.packets, statement.with);
      return;
    case "dnat":
      encodeDnat(writer, place.family, statement.to);
      return;
    case "masquerade":
      expression(writer, "masq", () => {
        if (statement.fullyRandom) writer.be32(MASQ.FLAGS, RANDOM_FULLY);
      });
      return;
    case "dynset": {
      const { data } = statement;
      const dataWord = loadKey(writer, statement.node, 0);
      if (data !== undefined) loadKey(writer, data, dataWord);
      expression(writer, "dynset", () => {
        writer.be32(DYNSET.SREG_KEY, register(0));
        if (data !== undefined) writer.be32(DYNSET.SREG_DATA, register(dataWord));
        writer.be32(DYNSET.OP, DYNSET_OP[statement.op]);
        writer.string(DYNSET.SET_NAME, statement.set);
        if (statement.timeoutSeconds > 0) {
          writer.be64(DYNSET.TIMEOUT, statement.timeoutSeconds * 1000);
        }
      });
      return;
    }
    case "counter":
      expression(writer, "counter", () => {
        writer.be64(COUNTER.BYTES, 0);
        writer.be64(COUNTER.PACKETS, 0);
      });
  }
}

/** The families whose header a statement reads. */
function readFamily(statement: Statement): "ip" | "ip6" | undefined {
  if (statement.kind === "dnat") {
    // A fixed destination reads nothing, and the kernel's nat for inet passes the other family by.
    return "address" in statement.to ? undefined : familyOf(statement.to);
  }
  if (statement.kind === "metaSet") {
    return typeof statement.value === "number" ? undefined : familyOf(statement.value);
  }
  return "node" in statement ? familyOf(statement.node) : undefined;
}

/**
 * Writes the expressions of a rule. In a table of family inet a rule that reads an IPv4 or IPv6
 * header begins with a comparison of the packet's family, as with nft: the same bytes mean
 * something else in the other family.
 *
 * @param writer Of the message; the attribute that holds the expressions is open.
 * @param family Of the table.
 * @param statements Of the rule.
 * @throws {WeirError} WEIR_NFT_ENCODE when a value does not fit.
 */
export function encodeStatements(
  writer: MessageWriter,
  family: NftFamily,
  statements: readonly Statement[],
): void {
  let place: Place = { family, packets: family };
  if (family === "inet") {
    const read = statements.map(readFamily).find((found) => found !== undefined);
    if (read !== undefined) {
      place = { family, packets: read };
      expression(writer, "meta", () => {
        writer.be32(META.KEY, META_KEY.NFPROTO);
        writer.be32(META.DREG, register(0));
      });
      compare(writer, "eq", new Uint8Array([FAMILY[read]]));
    }
  }
  for (const statement of statements) encodeStatement(writer, place, statement);
}
