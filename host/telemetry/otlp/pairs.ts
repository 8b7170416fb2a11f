/**
 * Variables that are lists of `name=value`, as baggage has it: what is wrong with one.
 *
 * @module
 */
import type { Variables } from "./variables.ts";

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** The fault of an entry `name=value` of a list; its value may be a secret and is never told. */
function faultOf(entry: string): string | undefined {
  const [name = "", ...rest] = entry.split("=");
  if (name.trim() === "" || rest.join("=").trim() === "") return "is not name=value";
  return isDecodable(entry) ? undefined : `("${name.trim()}") has a % that encodes nothing`;
}

function entriesOf(text: string): readonly string[] {
  return text.split(",").filter((entry) => entry.trim() !== "");
}

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Tells of headers that are wrong: the exporter reads them itself, and passes over what it does not
 * understand.
 *
 * @param variables The environment.
 */
export function checkHeaders(variables: Variables): void {
  for (const name of ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"]) {
    const given = variables.text(name);
    for (const [index, entry] of entriesOf(given?.value ?? "").entries()) {
      const header = entry.split("=")[0]?.trim() ?? "";
      const fault = faultOf(entry);
      if (fault !== undefined) {
        variables.warnings.push(
          `Cannot use entry ${index + 1} of ${name}: it ${fault}; it is left out`,
        );
      } else if (!TOKEN.test(decodeURIComponent(header))) {
        variables.warnings.push(
          `Cannot use entry ${index + 1} of ${name}: no header can be named "${header}"; nothing ` +
            "can be sent with it",
        );
      }
    }
  }
}

/** Of the SDK, for a name and for a value. */
const MOST_RESOURCE_CHARACTERS = 255;

/**
 * Tells of attributes that are wrong: the specification has the whole variable discarded, which the
 * SDK does without a word.
 *
 * @param variables The environment.
 */
export function checkResource(variables: Variables): void {
  const given = variables.text("OTEL_RESOURCE_ATTRIBUTES");
  for (const [index, entry] of entriesOf(given?.value ?? "").entries()) {
    const [name = "", ...rest] = entry.split("=");
    const isPair = name.trim() !== "" && rest.length === 1;
    const isLong = [name, ...rest].some((part) => part.trim().length > MOST_RESOURCE_CHARACTERS);
    if (isPair && !isLong && isDecodable(entry)) continue;
    const fault = !isPair
      ? "is not name=value (a = in a value is %3D)"
      : isLong
      ? `is longer than ${MOST_RESOURCE_CHARACTERS} characters`
      : "has a % that encodes nothing";
    variables.warnings.push(
      `Cannot use OTEL_RESOURCE_ATTRIBUTES: entry ${
        index + 1
      } "${entry.trim()}" ${fault}; none of ` +
        "them is used",
    );
    return;
  }
}
