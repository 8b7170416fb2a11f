/**
 * What an expression yields: its data type, and the address family that it reads.
 *
 * @module
 */
import type { DataTypeName } from "./datatype.ts";
import type { ExpressionNode } from "./expressions.ts";

/**
 * The data type of an expression's value.
 *
 * @param node The expression.
 * @returns The type, or undefined when it is not one field or nft has no name for it.
 */
export function typeOf(node: ExpressionNode): DataTypeName | undefined {
  switch (node.kind) {
    case "payload":
    case "meta":
    case "tuple":
      return node.type;
    case "bitwise":
      return typeOf(node.of);
    case "numgen":
      return "integer";
    default:
      return undefined;
  }
}

/**
 * The address family whose header an expression reads.
 *
 * @param node The expression.
 * @returns The family, or undefined when it reads neither header.
 */
export function familyOf(node: ExpressionNode): "ip" | "ip6" | undefined {
  switch (node.kind) {
    case "payload":
    case "tuple":
      return node.type === "ipv4_addr" ? "ip" : node.type === "ipv6_addr" ? "ip6" : undefined;
    case "bitwise":
      return familyOf(node.of);
    case "concat":
      return node.fields.map(familyOf).find((family) => family !== undefined);
    case "lookup":
      return familyOf(node.key);
    default:
      return undefined;
  }
}
