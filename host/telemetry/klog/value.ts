/**
 * Values of fields that are no text: what must not stop what is being logged.
 *
 * @module
 */

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Error) return value.message;
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

/**
 * Writes a value as JSON: big integers as numbers, errors as their message, maps as objects, sets
 * as lists.
 *
 * @param value Anything.
 * @returns JSON; a text that says why when it cannot be written, such as a circle.
 */
export function jsonOf(value: unknown): string {
  // Number() would round it, and JSON has integers of any size.
  if (typeof value === "bigint") return String(value);
  try {
    return JSON.stringify(value, plain) ?? "null";
  } catch (error) {
    return JSON.stringify(
      `<${error instanceof Error ? error.message.split("\n")[0] : "unwritable"}>`,
    );
  }
}
