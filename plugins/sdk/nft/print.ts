/**
 * Commands as nft syntax, for people, dry runs and golden tests. One kind of rule is beyond nft's
 * grammar though the kernel takes it: a lookup whose key is itself looked up
 * (`… map @a vmap @b`); it is printed in the same way.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { type ElementBatch, formatData, formatKey } from "./elements.ts";
import { type DataTypeName, type FieldValue, hexadecimal } from "./datatype.ts";
import type { ExpressionNode } from "./expressions.ts";
import { familyOf } from "./node_type.ts";
import type { AnySet, Chain, NftMap, Shape, Table } from "./objects.ts";
import type { Destination, NftVerdict, Rule, Statement } from "./statements.ts";

/** How many elements an error message shows. */
const SHOWN_IN_ERRORS = 3;

function printNode(node: ExpressionNode): string {
  switch (node.kind) {
    case "payload":
    case "meta":
    case "ct":
    case "tuple":
    case "fib":
      return node.text;
    case "numgen":
      return `numgen random mod ${node.modulus}`;
    case "bitwise":
      return `${printNode(node.of)} ${node.text}`;
    case "concat":
      return node.fields.map(printNode).join(" . ");
    case "lookup":
      return `${printNode(node.key)} map @${node.map}`;
  }
}

function printVerdict(verdict: NftVerdict): string {
  return "chain" in verdict ? `${verdict.to} ${verdict.chain}` : verdict.to;
}

function isMark(node: ExpressionNode): boolean {
  return node.kind === "bitwise" || node.kind === "meta" && node.type === "mark";
}

function printCompare(node: ExpressionNode, op: "eq" | "neq", value: FieldValue): string {
  const name = node.kind === "meta" && node.type === "ifname";
  const text = name
    ? `"${value}"`
    : typeof value === "number" && isMark(node)
    ? hexadecimal(value)
    : String(value);
  const operator = op === "neq" ? "!= " : node.kind === "bitwise" ? "== " : "";
  return `${printNode(node)} ${operator}${text}`;
}

function printDnat(to: Destination | ExpressionNode, table: Table): string {
  const six = "address" in to ? to.address.includes(":") : familyOf(to) === "ip6";
  const family = table.family === "inet" ? (six ? "ip6" : "ip") : table.family;
  if ("address" in to) {
    const address = six ? `[${to.address}]` : to.address;
    return `dnat ${table.family === "inet" ? `${family} ` : ""}to ${address}:${to.port}`;
  }
  return `dnat ${family} addr . port to ${printNode(to)}`;
}

function printStatement(statement: Statement, table: Table): string {
  switch (statement.kind) {
    case "compare":
      return printCompare(statement.node, statement.op, statement.value);
    case "bits":
      return `${printNode(statement.node)} ${statement.names.join(",")}`;
    case "lookup":
      return `${printNode(statement.node)} ${statement.inverted ? "!= " : ""}@${statement.set}`;
    case "vmap":
      return `${printNode(statement.node)} vmap @${statement.map}`;
    case "verdict":
      return printVerdict(statement.verdict);
    case "metaSet":
      return `${printNode(statement.node)} set ${
        typeof statement.value === "number"
          ? hexadecimal(statement.value)
          : printNode(statement.value)
      }`;
    case "reject":
      return statement.with === "tcp reset" ? "reject with tcp reset" : "reject";
    case "dnat":
      return printDnat(statement.to, table);
    case "masquerade":
      return statement.fullyRandom ? "masquerade fully-random" : "masquerade";
    case "dynset": {
      const timeout = statement.timeoutSeconds > 0 ? ` timeout ${statement.timeoutSeconds}s` : "";
      const data = statement.data === undefined ? "" : ` : ${printNode(statement.data)}`;
      return `${statement.op} @${statement.set} { ${printNode(statement.node)}${timeout}${data} }`;
    }
    case "counter":
      return "counter";
  }
}

/**
 * The text of a rule.
 *
 * @param rule What to print.
 * @param table Its table: some statements read differently in family inet.
 * @returns For example `ip daddr @cluster-ips reject`.
 */
function printRule(rule: Rule, table: Table): string {
  const statements = rule.statements.map((statement) => printStatement(statement, table));
  if (rule.comment !== "") statements.push(`comment "${rule.comment}"`);
  return statements.join(" ");
}

function printFields(shape: Shape): string {
  const fields: readonly (DataTypeName | string)[] = shape.nodes.length > 0
    ? shape.nodes.map(printNode)
    : shape.names;
  return fields.join(" . ");
}

function printSetBody(set: AnySet): string {
  const data = set.kind === "map"
    ? ` : ${printFields(set.data)}`
    : set.kind === "verdictMap"
    ? " : verdict"
    : "";
  const keyword = typeofShape(set) ? "typeof" : "type";
  const parts = [`${keyword} ${printFields(set.key)}${data} ;`];
  const flags = set.timeoutSeconds > 0 && !set.flags.includes("timeout")
    ? [...set.flags, "timeout"]
    : set.flags;
  if (flags.length > 0) parts.push(`flags ${flags.join(",")} ;`);
  if (set.timeoutSeconds > 0) parts.push(`timeout ${set.timeoutSeconds}s ;`);
  if (set.size > 0) parts.push(`size ${set.size} ;`);
  if (set.comment !== "") parts.push(`comment "${set.comment}" ;`);
  if (set.counter) parts.push("counter ;");
  return parts.join(" ");
}

function typeofShape(set: AnySet): boolean {
  return set.key.nodes.length > 0 || set.kind === "map" && set.data.nodes.length > 0;
}

function printChainBody(chain: Chain): string {
  const { base } = chain;
  const parts: string[] = [];
  if (base !== undefined) {
    parts.push(`type ${base.type} hook ${base.hook} priority ${base.priority} ;`);
    parts.push(`policy ${base.policy ?? "accept"} ;`);
  }
  if (chain.comment !== "") parts.push(`comment "${chain.comment}" ;`);
  return parts.length === 0 ? "" : ` { ${parts.join(" ")} }`;
}

function printElement(batch: ElementBatch, index: number): string {
  const key = formatKey(batch, index);
  const verdict = batch.verdicts[index];
  if (verdict !== undefined) return `${key} : ${printVerdict(verdict)}`;
  const data: NftMap | undefined = batch.set.kind === "map" ? batch.set : undefined;
  return data !== undefined && batch.verb === "add" ? `${key} : ${formatData(batch, index)}` : key;
}

function printElements(batch: ElementBatch, from: number, to: number, most: number): string {
  const { table, name } = batch.set;
  const shown = Math.min(to, from + most);
  const elements = Array.from(
    { length: shown - from },
    (_, index) => printElement(batch, from + index),
  );
  const head = `${batch.verb} element ${table.family} ${table.name} ${name}`;
  if (to - from > most) return `${head} { ${elements.join(", ")}, … ${to - shown} more }`;
  const [only] = elements;
  if (elements.length === 1 && only !== undefined) return `${head} { ${only} }`;
  return `${head} {\n${elements.map((element) => `  ${element},\n`).join("")}}`;
}

function printTable(verb: string, table: Table): string {
  return `${verb} table ${table.family} ${table.name}`;
}

/**
 * The text of a command.
 *
 * @param command What to print.
 * @returns One command of nft's grammar.
 */
export function printCommand(command: Command): string {
  switch (command.kind) {
    case "table":
      return printTable(command.verb, command.table);
    case "chain": {
      const { table, name } = command.chain;
      const body = command.verb === "add" ? printChainBody(command.chain) : "";
      return `${command.verb} chain ${table.family} ${table.name} ${name}${body}`;
    }
    case "rule": {
      const { table, name } = command.chain;
      return `add rule ${table.family} ${table.name} ${name} ${printRule(command.rule, table)}`;
    }
    case "set": {
      const { table, name, kind } = command.set;
      const object = kind === "set" ? "set" : "map";
      const body = command.verb === "add" ? ` { ${printSetBody(command.set)} }` : "";
      return `${command.verb} ${object} ${table.family} ${table.name} ${name}${body}`;
    }
    case "elements":
      return printElements(command, 0, command.count, Infinity);
  }
}

/**
 * The text of what one message carried, short enough for an error.
 *
 * @param command What to print.
 * @param from Index of the message's first element, if the command has elements.
 * @param to Index past its last.
 * @returns One line; of many elements the first few.
 */
export function printGuilty(command: Command, from: number, to: number): string {
  return command.kind === "elements"
    ? printElements(command, from, to, SHOWN_IN_ERRORS).replaceAll(/\s+/g, " ")
    : printCommand(command);
}
