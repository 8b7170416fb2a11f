/**
 * Stacks of a profile in words that people read: functions with their file, whatever the URL under
 * which V8 knows it.
 *
 * @module
 */
import { printable } from "../printable.ts";
import { type FindOrigin, packaged } from "../sandbox/origins.ts";
import type { CallFrame } from "./v8.ts";

/** A function of a stack. */
export interface Frame {
  /** As Go names functions: the path without its ending, a point, the function. */
  readonly name: string;
  /** From the repository's root where it is known; "" when it is none of JavaScript. */
  readonly file: string;
  /** Counts from 1; 0 where it is not known. */
  readonly line: number;
}

/** One stack of a profile with what was measured there. */
export interface StackSample {
  /** The innermost function first. */
  readonly stack: readonly Frame[];
  /** One for each type of value. */
  readonly values: readonly number[];
}

/** Finds the words for a frame. */
export type Naming = (frame: CallFrame) => Frame;

/**
 * V8 counts the lines of the JavaScript that it runs. Deno makes that of TypeScript and keeps no
 * source map where it could be asked for, so such a line only tells functions without a name apart.
 */
function named(file: string, { functionName, lineNumber }: CallFrame, exact = true): Frame {
  // V8's own, such as (garbage collector), and functions of the language itself.
  if (file === "") return { name: functionName || "(native)", file, line: 0 };
  const line = lineNumber + 1;
  const path = file.replace(/\.[cm]?[jt]sx?$/, "");
  const name = functionName || (line > 0 ? `(anonymous@${line})` : "(module)");
  return { name: `${path}.${name}`, file, line: exact ? Math.max(0, line) : 0 };
}

/**
 * Names functions of the host.
 *
 * @param home weir's own folder; ends in `/`.
 * @returns The naming.
 */
export function hostNaming(home: URL): Naming {
  return (frame) => {
    const { url } = frame;
    const exact = !/\.[cm]?tsx?$/.test(url);
    if (url.startsWith(home.href)) return named(url.slice(home.href.length), frame, exact);
    const file = packaged(url) ?? url.replace(/^(ext|node):/, "$1/").replace(/^file:\/\//, "");
    return named(file, frame, exact);
  };
}

/**
 * Names functions of a plugin by the files that its author wrote, as far as they are known.
 *
 * @param find Finds where a place of the plugin's text comes from.
 * @returns The naming.
 */
export function bundleNaming(find: FindOrigin): Naming {
  return (told) => {
    const url = printable(told.url);
    const frame = { ...told, functionName: printable(told.functionName) };
    // The bootstrap imports the plugin from a blob:, itself it comes as a data:.
    if (url.startsWith("data:")) return named("bootstrap.js", frame);
    if (!url.startsWith("blob:")) return named(url.replace(/^(ext|node):/, "$1/"), frame);
    const { part, file, line } = find(frame.lineNumber, frame.columnNumber);
    return { ...named(part, { ...frame, lineNumber: line - 1 }), file };
  };
}
