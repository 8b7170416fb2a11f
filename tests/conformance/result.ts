/**
 * What became of a flow, in words.
 *
 * @module
 */
import type { ConformanceCase, Expectation, Flow, Step } from "./case.ts";

/** A flow and whether it went as expected. */
export interface FlowResult {
  /** Names it among the others. */
  readonly name: string;
  /** What went otherwise; undefined when nothing did. */
  readonly fault: string | undefined;
}

function expected(expect: Expectation): string {
  switch (expect.kind) {
    case "reaches": {
      const seen = expect.seen === undefined ? "" : `, seen as the ${expect.seen}`;
      return `reaches ${expect.endpoints.join(", ")}${seen}`;
    }
    case "sticks":
      return `stays with one of ${expect.endpoints.join(", ")}`;
    case "untouched":
      return "is left alone";
    default:
      return `is ${expect.kind}`;
  }
}

/**
 * The name of a flow.
 *
 * @param of The case.
 * @param step The step.
 * @param flow The flow.
 * @returns The case, what has happened, who connects where, what should become of it, and the rule.
 */
export function nameOf(of: ConformanceCase, step: Step, flow: Flow): string {
  const { address, port, protocol } = flow.to;
  const when = step.when === "" ? "" : `, when ${step.when}`;
  const as = flow.source === undefined ? "" : ` as ${flow.source}`;
  return `${of.name}${when}: ${flow.from}${as} to ${address} ${protocol} ${port} ` +
    `${expected(flow.expect)}. ${flow.rule}`;
}

/**
 * A fault, if what happened is not what was expected.
 *
 * @param actual What happened, in sorted words.
 * @param wanted What was expected, in sorted words.
 * @param detail Shown when they differ.
 * @returns The fault, or undefined.
 */
export function compared(
  actual: readonly string[],
  wanted: readonly string[],
  detail: string,
): string | undefined {
  const [found, expects] = [actual, wanted].map((words) => [...words].sort().join(", "));
  return found === expects ? undefined : `expected ${expects}, found ${found}${detail}`;
}
