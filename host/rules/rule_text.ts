/**
 * Rules in nft's syntax, read from their bytecode: whoever wrote them, and however registers were
 * used, equal rules read equal. What a kernel adds when it lists a rule (counts, register ends,
 * flags that follow from others) is left out.
 *
 * @module
 */
import {
  type Loaded,
  opaque,
  prefixOf,
  Registers,
  VERDICT_REGISTER,
  wordOf,
  wordsFor,
  wordsOfFields,
} from "./registers.ts";
import type { RuleState, SetState, TableState } from "./ruleset.ts";
import { bytesOf, MARKS, verdictOf } from "./ruleset.ts";
import { META_FIELDS } from "./typeof.ts";
import {
  type FieldType,
  formatField,
  formatValue,
  hexadecimal,
  hexadecimalBytes,
} from "./value.ts";
import {
  attributesOf,
  DATA,
  EXPRESSION,
  listOf,
  numberOf,
  SET_FLAG,
  textOf,
  viewOf,
} from "./wire.ts";

const META_MARK = 3;

/** Header fields by base, offset and length in bytes. */
const PAYLOADS: ReadonlyMap<string, readonly [text: string, type: FieldType]> = new Map([
  ["1 9 1", ["ip protocol", "inet_proto"]],
  ["1 12 4", ["ip saddr", "ipv4_addr"]],
  ["1 16 4", ["ip daddr", "ipv4_addr"]],
  ["1 6 1", ["ip6 nexthdr", "inet_proto"]],
  ["1 8 16", ["ip6 saddr", "ipv6_addr"]],
  ["1 24 16", ["ip6 daddr", "ipv6_addr"]],
  ["2 0 2", ["th sport", "inet_service"]],
  ["2 2 2", ["th dport", "inet_service"]],
]);
/** Addresses, of which nft loads no more than the bytes of a prefix. */
const ADDRESSES = [
  { family: "ip", offset: 12, length: 4, text: "ip saddr", type: "ipv4_addr" },
  { family: "ip", offset: 16, length: 4, text: "ip daddr", type: "ipv4_addr" },
  { family: "ip6", offset: 8, length: 16, text: "ip6 saddr", type: "ipv6_addr" },
  { family: "ip6", offset: 24, length: 16, text: "ip6 daddr", type: "ipv6_addr" },
] as const;
const NETWORK = 1;
const BASES = ["ll", "nh", "th", "ih"];

/** enum nft_ct_keys. */
const CT_KEYS: ReadonlyMap<number, readonly [text: string, type: FieldType, bytes: number]> =
  new Map([
    [0, ["state", "ct_state", 4]],
    [1, ["direction", "integer", 1]],
    [2, ["status", "ct_status", 4]],
    [3, ["mark", "mark", 4]],
    [10, ["protocol", "inet_proto", 1]],
    [11, ["proto-src", "inet_service", 2]],
    [12, ["proto-dst", "inet_service", 2]],
    [19, ["ip saddr", "ipv4_addr", 4]],
    [20, ["ip daddr", "ipv4_addr", 4]],
    [21, ["ip6 saddr", "ipv6_addr", 16]],
    [22, ["ip6 daddr", "ipv6_addr", 16]],
  ]);
const DIRECTIONS = ["original", "reply"];

/** enum nft_cmp_ops. */
const OPERATORS = ["==", "!=", "<", "<=", ">", ">="];
/** enum nft_fib_flags, lowest bit first, and enum nft_fib_result. */
const FIB_FLAGS = ["saddr", "daddr", "mark", "iif", "oif"];
const FIB_RESULTS = ["", "oif", "oifname", "type"];
/** enum nft_dynset_ops. */
const DYNSET_OPS = ["add", "update", "delete"];

/** One expression. */
interface Expression {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** A number of it in network order; 0 when it is not there. */
  readonly number: (type: number) => number;
  readonly has: (type: number) => boolean;
  readonly value: (type: number) => Uint8Array | undefined;
}

function expressionOf(element: Uint8Array): Expression {
  const found = attributesOf(element);
  const bytes = found.get(EXPRESSION.DATA) ?? new Uint8Array();
  const values = attributesOf(bytes);
  return {
    name: textOf(found.get(EXPRESSION.NAME)),
    bytes,
    number: (type) => numberOf(values.get(type)),
    has: (type) => values.has(type),
    value: (type) => values.get(type),
  };
}

/** The bytes of nested data. */
function dataOf(value: Uint8Array | undefined): Uint8Array {
  return (value && attributesOf(value).get(DATA.VALUE)) ?? new Uint8Array();
}

/**
 * A lookup whose key was looked up takes a turn through the packet mark, for nft's sake: it is put
 * aside, set to the key, read as the key, and put back. Nobody meets it changed.
 */
function isTurn(expressions: readonly Expression[], at: number): boolean {
  const [aside, set, read, back] = expressions.slice(at, at + 4);
  if (aside === undefined || set === undefined || read === undefined || back === undefined) {
    return false;
  }
  const marks = [aside, set, read, back].every(({ name, number }) =>
    name === "meta" && number(2) === META_MARK
  );
  return marks && aside.has(1) && set.has(3) && read.has(1) && back.has(3) &&
    aside.number(1) === back.number(3) && set.number(3) === read.number(1);
}

/** Reads one rule. */
class Reader {
  readonly #registers = new Registers();
  readonly #table: TableState;
  readonly #words: string[] = [];
  /** Of the packets that come so far; undefined in family inet as long as both do. */
  #packets: "ip" | "ip6" | undefined;

  constructor(table: TableState) {
    this.#table = table;
    this.#packets = table.family === "inet" ? undefined : table.family;
  }

  read(expressions: readonly Expression[]): readonly string[] {
    for (let at = 0; at < expressions.length; at++) {
      const expression = expressions[at];
      if (expression === undefined) continue;
      if (isTurn(expressions, at)) at += 3;
      else this.#step(expression);
    }
    return this.#words;
  }

  #say(text: string): void {
    this.#words.push(text);
  }

  #step(expression: Expression): void {
    switch (expression.name) {
      case "payload":
        return this.#payload(expression);
      case "meta":
        return this.#meta(expression);
      case "ct":
        return this.#ct(expression);
      case "fib":
        return this.#fib(expression);
      case "numgen": {
        const kind = expression.number(3) === 1 ? "random" : "inc";
        const offset = expression.number(4);
        const text = `numgen ${kind} mod ${expression.number(2)}` +
          (offset === 0 ? "" : ` offset ${offset}`);
        return this.#registers.load(expression.number(1), { text, type: "integer", words: 1 });
      }
      case "bitwise":
        return this.#bitwise(expression);
      case "cmp":
        return this.#compare(expression);
      case "range":
        return this.#range(expression);
      case "lookup":
        return this.#lookup(expression);
      case "immediate":
        return this.#immediate(expression);
      case "nat":
        return this.#nat(expression);
      case "masq":
        return this.#say(["masquerade", ...natFlags(expression.number(1))].join(" "));
      case "reject":
        return this.#say(this.#reject(expression));
      case "dynset":
        return this.#dynset(expression);
      case "counter":
        return this.#say("counter");
      case "notrack":
        return this.#say("notrack");
      case "log": {
        const prefix = expression.value(2);
        return this.#say(prefix === undefined ? "log" : `log prefix "${textOf(prefix)}"`);
      }
      default:
        return this.#say(opaque(expression.name, expression.bytes));
    }
  }

  #payload(expression: Expression): void {
    const { number, has } = expression;
    // With a source register it writes.
    if (has(5)) return this.#say(opaque("payload", expression.bytes));
    const [base, offset, length] = [number(2), number(3), number(4)];
    const packets = this.#packets;
    const address = base === NETWORK
      ? ADDRESSES.find((one) =>
        one.offset === offset && one.length > length &&
        (packets === undefined || one.family === packets)
      )
      : undefined;
    if (address !== undefined) {
      const { text, type } = address;
      const loaded = { text, type, words: wordsFor(length), prefix: 8 * length };
      return this.#registers.load(number(1), loaded);
    }
    const [text, type] = PAYLOADS.get(`${base} ${offset} ${length}`) ??
      [`@${BASES[base] ?? base},${8 * offset},${8 * length}`, "bytes"] as const;
    this.#registers.load(number(1), { text, type, words: wordsFor(length) });
  }

  #meta({ number, has }: Expression): void {
    const key = number(2);
    const { text, type, bytes = 4 } = META_FIELDS.get(key) ??
      { text: `meta key-${key}`, type: "integer", bytes: 4 } as const;
    if (!has(3)) {
      return this.#registers.load(number(1), { text, type, words: wordsFor(bytes) });
    }
    const from = this.#registers.at(number(3));
    const value = from.constant === undefined ? maskedText(from) : formatField(type, from.constant);
    this.#say(`${text} set ${value}`);
  }

  #ct(expression: Expression): void {
    const { number, has, value } = expression;
    const [name, type, bytes] = CT_KEYS.get(number(2)) ??
      [`key-${number(2)}`, "integer", 4] as const;
    const direction = value(3)?.[0];
    const text = ["ct", ...direction === undefined ? [] : [DIRECTIONS[direction]], name].join(" ");
    if (has(4)) return this.#say(`${text} set ${this.#registers.at(number(4)).text}`);
    this.#registers.load(number(1), { text, type, words: wordsFor(bytes) });
  }

  #fib({ number }: Expression): void {
    const flags = FIB_FLAGS.filter((_, bit) => (number(3) & 1 << bit) !== 0).join(" . ");
    const result = FIB_RESULTS[number(2)] ?? String(number(2));
    const type = result === "type" ? "fib_addrtype" : "integer";
    this.#registers.load(number(1), { text: `fib ${flags} ${result}`, type, words: 1 });
  }

  /** `(value & mask) ^ xor`. */
  #bitwise(expression: Expression): void {
    const { number, value, bytes } = expression;
    const of = this.#registers.at(number(1));
    const words = wordsFor(number(3));
    // NFT_BITWISE_BOOL, which is 0; the others shift.
    if (number(6) !== 0) {
      const text = `${of.text} ${opaque("bitwise", bytes)}`;
      return this.#registers.load(number(2), { text, type: of.type, words });
    }
    const [mask, xor] = [dataOf(value(4)), dataOf(value(5))];
    const flips = xor.some((byte) => byte !== 0);
    if (!flips) {
      return this.#registers.load(number(2), { ...of, text: of.text, words, mask });
    }
    const [kept, set] = mask.length === 4 ? [host(mask), host(xor)] : [undefined, undefined];
    const operation = kept === undefined || set === undefined
      ? `& ${hexadecimalBytes(mask)} ^ ${hexadecimalBytes(xor)}`
      : (kept ^ set) === -1 && (kept & set) === 0
      ? `| ${hexadecimal(set)}`
      : kept === -1
      ? `^ ${hexadecimal(set)}`
      : `& ${hexadecimal(kept)} ^ ${hexadecimal(set)}`;
    this.#registers.load(number(2), {
      text: `${maskedText(of)} ${operation}`,
      type: of.type,
      words,
      computed: true,
    });
  }

  #compare({ number, value }: Expression): void {
    const of = this.#registers.at(number(1));
    const data = dataOf(value(3));
    const operator = OPERATORS[number(2)] ?? "?";
    const { mask, type, prefix: beginning } = of;
    if (type === "nf_proto" && operator === "==") this.#packets = data[0] === 10 ? "ip6" : "ip";
    if (beginning !== undefined) {
      const whole = new Uint8Array(type === "ipv4_addr" ? 4 : 16);
      whole.set(data.subarray(0, whole.length));
      const shown = operator === "==" ? "" : `${operator} `;
      return this.#say(`${of.text} ${shown}${formatField(type, whole)}/${beginning}`);
    }
    if (mask === undefined) {
      const shown = operator === "==" && of.computed !== true ? "" : `${operator} `;
      return this.#say(`${of.text} ${shown}${formatField(type, data)}`);
    }
    const address = type === "ipv4_addr" || type === "ipv6_addr";
    const prefix = address ? prefixOf(mask) : undefined;
    if (prefix !== undefined) {
      const shown = operator === "==" ? "" : `${operator} `;
      return this.#say(`${of.text} ${shown}${formatField(type, data)}/${prefix}`);
    }
    const bits = type === "ct_state" || type === "ct_status";
    if (bits && operator === "!=" && data.every((byte) => byte === 0)) {
      return this.#say(`${of.text} ${formatField(type, mask)}`);
    }
    this.#say(`${maskedText(of)} ${operator} ${formatField(type, data)}`);
  }

  #range({ number, value }: Expression): void {
    const { text, type } = this.#registers.at(number(1));
    const [from, to] = [dataOf(value(3)), dataOf(value(4))].map((data) => formatField(type, data));
    this.#say(`${text} ${number(2) === 1 ? "!= " : ""}${from}-${to}`);
  }

  #keyText(register: number, set: SetState | undefined): string {
    const fields = this.#registers.key(register, set?.keyBytes ?? 4);
    return fields.map(maskedText).join(" . ");
  }

  #lookup({ number, value, has }: Expression): void {
    const name = textOf(value(1));
    const set = this.#table.sets.get(name);
    const key = this.#keyText(number(2), set);
    const named = set === undefined ? `@${name}` : nameOf(set);
    if (!has(3)) return this.#say(`${key} ${number(5) === 1 ? "!= " : ""}${named}`);
    if (number(3) === VERDICT_REGISTER) return this.#say(`${key} vmap ${named}`);
    const data = set?.data ?? [];
    this.#registers.load(number(3), {
      text: `${key} map ${named}`,
      type: data.length === 1 ? data[0]?.type ?? "bytes" : "bytes",
      words: wordsOfFields(data) || 1,
    });
  }

  #immediate({ number, value }: Expression): void {
    const data = value(2) ?? new Uint8Array();
    const verdict = attributesOf(data).get(DATA.VERDICT);
    if (verdict !== undefined) return this.#say(verdictOf(verdict).text);
    const constant = dataOf(data);
    const loaded: Loaded = {
      text: hexadecimalBytes(constant),
      type: "bytes",
      words: wordsFor(constant.length),
      constant,
    };
    this.#registers.load(number(1), loaded);
  }

  #nat({ number, has }: Expression): void {
    const kind = number(1) === 1 ? "dnat" : "snat";
    const six = number(2) === 10;
    const family = six ? "ip6" : "ip";
    const flags = natFlags(number(7));
    const [address, port] = [number(3), number(5)];
    const to = this.#registers.at(address);
    if (to.constant !== undefined) {
      const text = formatField(six ? "ipv6_addr" : "ipv4_addr", to.constant);
      const at = has(5) ? this.#registers.at(port).constant : undefined;
      const whole = at === undefined
        ? text
        : `${six ? `[${text}]` : text}:${formatField("inet_service", at)}`;
      const inet = this.#table.family === "inet" ? `${family} ` : "";
      return this.#say([`${kind} ${inet}to ${whole}`, ...flags].join(" "));
    }
    // One lookup gave both, or each was loaded for itself.
    const together = has(5) && wordOf(port) < wordOf(address) + to.words;
    const what = has(5) ? `${family} addr . port to ` : `${family} to `;
    const second = has(5) && !together ? ` . ${this.#registers.at(port).text}` : "";
    this.#say([`${kind} ${what}${to.text}${second}`, ...flags].join(" "));
  }

  #reject({ number, value }: Expression): string {
    const [type, code] = [number(1), value(2)?.[0] ?? 0];
    if (type === 1) return "reject with tcp reset";
    const six = this.#packets === "ip6";
    // Port unreachable is code 3 of ICMP, code 4 of ICMPv6, code 1 of ICMPX.
    if (type === 2) return code === 1 ? "reject" : `reject with icmpx ${code}`;
    if (code === (six ? 4 : 3)) return "reject";
    return `reject with ${six ? "icmpv6" : "icmp"} ${code}`;
  }

  #dynset({ number, value, has }: Expression): void {
    const name = textOf(value(1));
    const set = this.#table.sets.get(name);
    const key = this.#keyText(number(4), set);
    const timeout = value(6);
    const milliseconds = timeout?.length === 8 ? viewOf(timeout).getBigUint64(0) : 0n;
    const life = milliseconds === 0n ? "" : ` timeout ${milliseconds / 1000n}s`;
    const data = has(5) ? ` : ${maskedText(this.#registers.at(number(5)))}` : "";
    const each = [value(7), ...listOf(value(10) ?? new Uint8Array())]
      .flatMap((bytes) => bytes === undefined ? [] : [` ${expressionOf(bytes).name}`]).join("");
    this.#say(`${DYNSET_OPS[number(3)] ?? "?"} @${name} { ${key}${life}${each}${data} }`);
  }
}

function host(bytes: Uint8Array): number {
  return viewOf(bytes).getInt32(0, true);
}

function maskedText({ text, mask }: Loaded): string {
  if (mask === undefined) return text;
  return `${text} & ${mask.length === 4 ? hexadecimal(host(mask)) : hexadecimalBytes(mask)}`;
}

/** NF_NAT_RANGE_*: those that are said; the others follow from the registers. */
function natFlags(flags: number): readonly string[] {
  return [
    ...(flags & 0x4) !== 0 ? ["random"] : [],
    ...(flags & 0x10) !== 0 ? ["fully-random"] : [],
    ...(flags & 0x8) !== 0 ? ["persistent"] : [],
  ];
}

/** How a rule names a set: one without a name of its own is written out. */
function nameOf(set: SetState): string {
  if ((set.flags & SET_FLAG.anonymous) === 0 || set.elements === undefined) return `@${set.name}`;
  const elements = [...set.elements].map(([key, value]) => {
    const text = formatValue(set.key, bytesOf(key.replace(/[\u0100-\u01ff].*$/s, "")));
    if (value.startsWith(MARKS.verdict)) return `${text} : ${value.slice(1)}`;
    return set.data.length === 0 ? text : `${text} : ${formatValue(set.data, bytesOf(value))}`;
  });
  return `{ ${elements.sort().join(", ")} }`;
}

/**
 * Writes a rule.
 *
 * @param rule Which.
 * @param table With the sets that it names.
 * @returns For example `ip daddr @cluster-ips reject`.
 */
export function ruleText(rule: RuleState, table: TableState): string {
  const words = new Reader(table).read(listOf(rule.expressions).map(expressionOf));
  return [...words, ...rule.comment === "" ? [] : [`comment "${rule.comment}"`]].join(" ");
}
