/**
 * Text of a manifest file to plain values, each knowing the lines it came from.
 *
 * @module
 */
import { isNode, LineCounter, parseAllDocuments, parseDocument } from "yaml";
import { messageOf } from "../../../schemas/errors.ts";
import { itemLines } from "./item_lines.ts";

/** Where a field lies, outermost first. */
export type FieldPath = readonly (string | number)[];

/** One document of a file. */
export interface ManifestDocument {
  /** What it says, as plain data. */
  readonly value: unknown;
  /**
   * Finds a field in the text.
   *
   * @param path The field; when it is missing, the innermost field around it that exists counts.
   * @returns Its line, from 1.
   */
  readonly lineOf: (path: FieldPath) => number;
}

/** Why and where a text does not parse. */
export interface SyntaxFault {
  /** From 1. */
  readonly line: number;
  /** One line. */
  readonly reason: string;
}

/** What a text comes to. */
export type ParsedText =
  | { readonly ok: true; readonly documents: readonly ManifestDocument[] }
  | { readonly ok: false; readonly fault: SyntaxFault };

/** What is used of the library's documents, whatever their contents. */
interface YamlDocument {
  readonly contents: unknown;
  readonly errors: readonly {
    readonly code: string;
    readonly message: string;
    readonly pos: readonly [number, number];
  }[];
  getIn(path: readonly (string | number)[], keepScalar: true): unknown;
}

/** `prettyErrors` would put a picture of several lines into the message. */
function yamlOptions(lines: LineCounter) {
  return { lineCounter: lines, prettyErrors: false, merge: true } as const;
}

function lineAt(document: YamlDocument, lines: LineCounter, path: FieldPath): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return Math.max(1, lines.linePos(node.range[0]).line);
  }
  return 1;
}

function yamlFault(document: YamlDocument, lines: LineCounter): SyntaxFault | undefined {
  const [error] = document.errors;
  if (error === undefined) return undefined;
  const reason = error.message.split("\n", 1)[0] ?? error.code;
  return { line: Math.max(1, lines.linePos(error.pos[0]).line), reason };
}

/**
 * Parses YAML 1.2 of one or several documents. Merge keys work, as in what kubectl reads.
 *
 * @param text The file.
 * @returns Its documents without the empty ones, or the first fault.
 */
export function parseYaml(text: string): ParsedText {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, yamlOptions(lines));
  const documents: ManifestDocument[] = [];
  for (const document of parsed) {
    const fault = yamlFault(document, lines);
    if (fault !== undefined) return { ok: false, fault };
    try {
      const value: unknown = document.toJS();
      if (value === null || value === undefined) continue;
      documents.push({ value, lineOf: (path) => lineAt(document, lines, path) });
    } catch (thrown) {
      // Aliases: one without an anchor, or more of them than any honest file has.
      return { ok: false, fault: { line: lineAt(document, lines, []), reason: messageOf(thrown) } };
    }
  }
  return { ok: true, documents };
}

/** Where the document begins: behind lines that have nothing. */
function firstLine(text: string): number {
  return (/^\s*/.exec(text)?.[0].split("\n").length) ?? 1;
}

/**
 * Parses JSON. Lines are looked for only when one is asked for: those of the document and of a list's
 * items by a look at the text, others, which only faults ask for, by the YAML parser, since JSON is
 * YAML too.
 *
 * @param text The file.
 * @returns Its one document, or the fault.
 */
export function parseJson(text: string): ParsedText {
  let found: { readonly lines: LineCounter; readonly document: YamlDocument } | undefined;
  // Once, however many objects of the file are wrong.
  const located = () => {
    if (found !== undefined) return found;
    const lines = new LineCounter();
    return found = { lines, document: parseDocument(text, yamlOptions(lines)) };
  };
  try {
    const value: unknown = JSON.parse(text);
    let items: readonly number[] | undefined;
    const lineOf = (path: FieldPath) => {
      const [list, index, ...field] = path;
      if (path.length === 0) return firstLine(text);
      if (list === "items" && typeof index === "number" && field.length === 0) {
        const line = (items ??= itemLines(text))[index];
        if (line !== undefined) return line;
      }
      const { lines, document } = located();
      return lineAt(document, lines, path);
    };
    return { ok: true, documents: [{ value, lineOf }] };
  } catch (thrown) {
    const { lines, document } = located();
    const line = yamlFault(document, lines)?.line ?? 1;
    const reason = messageOf(thrown).split("\n", 1)[0] ?? "it is not JSON";
    return { ok: false, fault: { line, reason } };
  }
}
