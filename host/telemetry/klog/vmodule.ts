/**
 * klog's `--vmodule`: a verbosity of its own for some files.
 *
 * @module
 */
import { parseFrame } from "../call_site.ts";
import type { ModuleRule } from "./settings.ts";

function escaped(character: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(character) ? `\\${character}` : character;
}

/** Go's `filepath.Match`, which klog uses; one that does not parse matches nothing, as there. */
function patternOf(glob: string): RegExp | undefined {
  let source = "";
  const characters = [...glob];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "\\") {
      at++;
      if (at >= characters.length) return undefined;
      source += escaped(characters[at] ?? "");
    } else if (character === "[") {
      const end = characters.indexOf("]", at + 2);
      if (end < 0) return undefined;
      const inner = characters.slice(at + 1, end);
      const negated = inner[0] === "^";
      const members = negated ? inner.slice(1) : inner;
      if (members.length === 0) return undefined;
      source += `[${negated ? "^" : ""}${
        members.map((member) => member === "-" || member === "\\" ? member : escaped(member))
          .join("")
      }]`;
      at = end;
    } else source += escaped(character);
  }
  try {
    return new RegExp(`^${source}$`, "u");
  } catch {
    return undefined;
  }
}

/**
 * The last parts of a path without extension.
 *
 * @param path For example `file:///weir/host/resolver/topology.ts`.
 * @param count How many parts.
 * @returns For example `resolver/topology` for 2.
 */
function lastParts(path: string, count: number): string {
  return path.replace(/\.[a-z]+$/, "").split("/").slice(-count).join("/");
}

/** What `--vmodule` says of each place that logs. */
export interface ModuleLevels {
  /** The highest verbosity of any rule: beyond it no place need be looked at. */
  readonly highest: number;
  /**
   * The verbosity of a place, remembered for each, as klog remembers it for each program counter.
   *
   * @param frame The frame of a stack trace.
   * @returns That of the first rule that matches, or 0.
   */
  levelAt(frame: string): number;
}

/**
 * Reads the rules.
 *
 * @param rules In the order given. A pattern without a slash is compared with the file's name, one
 * with slashes with as many parts at the end of its path.
 * @returns What they say, or undefined when they say nothing, so that asking costs nothing.
 */
export function moduleLevels(rules: readonly ModuleRule[]): ModuleLevels | undefined {
  const patterns = rules.flatMap(({ filePattern, verbosity }) => {
    const expression = patternOf(filePattern);
    // klog leaves rules of 0 out as well.
    if (expression === undefined || verbosity <= 0) return [];
    return [{ expression, verbosity, parts: filePattern.split("/").length }];
  });
  if (patterns.length === 0) return undefined;
  const known = new Map<string, number>();
  return {
    highest: Math.max(...patterns.map((pattern) => pattern.verbosity)),
    levelAt(frame) {
      let level = known.get(frame);
      if (level === undefined) {
        const { path } = parseFrame(frame);
        level = patterns.find(({ expression, parts }) => expression.test(lastParts(path, parts)))
          ?.verbosity ?? 0;
        known.set(frame, level);
      }
      return level;
    },
  };
}
