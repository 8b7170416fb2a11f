/**
 * Reads YAML as sigs.k8s.io/yaml does, which is YAML 1.1 but for dates and sexagesimal numbers, and
 * JSON, which is read as the YAML that it is.
 *
 * @module
 */
import {
  type CollectionTag,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type ParsedNode,
  type ScalarTag,
  type Tags,
  type YAMLMap,
} from "yaml";
import { messageOf } from "../../../schemas/errors.ts";
import {
  type LocatedDocument,
  type Position,
  Positions,
  START,
  type SyntaxFault,
} from "./located.ts";

/** A ConfigMap holds one MiB, and this many more is no configuration. */
const MOST_BYTES = 3 * 2 ** 20;

/**
 * Values of all documents: aliases of aliases can make millions of few lines, and a fault of each
 * would hold a proxy up for seconds. A file that has every field has two hundred.
 */
const MOST_VALUES = 10_000;

/** Maps and lists within each other. */
const DEEPEST = 64;

const TOO_DEEP = `it has more than ${DEEPEST} levels`;

/** What ends a reading; its message is told. */
class Refusal extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Go's yaml.v2 knows neither `1:30` for 90 nor times. */
function withoutTimes(tags: Tags): Tags {
  return tags.filter((tag: string | CollectionTag | ScalarTag) =>
    typeof tag === "string" ||
    !("format" in tag && tag.format === "TIME") && tag.tag !== "tag:yaml.org,2002:timestamp"
  );
}

/** Deep nesting is refused before it is parsed, which takes a frame of the stack for each level. */
function deepest(text: string): number {
  let depth = 0;
  let most = 0;
  for (const character of text) {
    if (character === "[" || character === "{") most = Math.max(most, ++depth);
    else if (character === "]" || character === "}") depth = Math.max(0, depth - 1);
  }
  return most;
}

class Reader {
  readonly #lines: LineCounter;
  readonly #positions = new Positions();
  readonly #duplicates: (readonly string[])[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #budget: { values: number };

  constructor(lines: LineCounter, budget: { values: number }) {
    this.#lines = lines;
    this.#budget = budget;
  }

  read(contents: ParsedNode | null): LocatedDocument {
    const value = this.#value(contents, [], 0);
    return { value, positions: this.#positions, duplicates: this.#duplicates };
  }

  #value(node: unknown, path: readonly string[], depth: number): unknown {
    if (++this.#budget.values > MOST_VALUES) {
      throw new Refusal(`it has more than ${MOST_VALUES} values`, offsetOf(node));
    }
    if (depth > DEEPEST) {
      throw new Refusal(TOO_DEEP, offsetOf(node));
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) {
        throw new Refusal(`there is no anchor &${node.source} before it`, offsetOf(node));
      }
      return this.#value(target, path, depth + 1);
    }
    if (isCollection(node) || isScalar(node)) {
      this.#note(path, node);
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    }
    if (isMap(node)) return this.#map(node, path, depth);
    if (isSeq(node)) {
      return node.items.map((item, i) => this.#value(item, [...path, String(i)], depth + 1));
    }
    if (!isScalar(node)) return null;
    // A number beyond 2⁵³ comes as the nearest one that there is, and is out of every range.
    return typeof node.value === "bigint" ? Number(node.value) : node.value ?? null;
  }

  #map(map: YAMLMap, path: readonly string[], depth: number): Record<string, unknown> {
    const own = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    for (const pair of map.items) {
      if (isMergeKey(pair)) {
        const value = this.#value(pair.value, path, depth + 1);
        for (const source of Array.isArray(value) ? value : [value]) {
          if (typeof source !== "object" || source === null || Array.isArray(source)) {
            throw new Refusal("only maps can be merged by <<", offsetOf(pair.value ?? pair.key));
          }
          for (const [key, inner] of Object.entries(source)) {
            if (!merged.has(key)) merged.set(key, inner);
          }
        }
        continue;
      }
      const key = keyOf(pair.key);
      const at = [...path, key];
      if (own.has(key)) this.#duplicates.push(at);
      own.set(key, this.#value(pair.value, at, depth + 1));
      // An empty value stands nowhere: its key does.
      this.#note(at, pair.key);
    }
    return Object.fromEntries([...merged, ...own]);
  }

  #note(path: readonly string[], node: unknown): void {
    this.#positions.set(path, positionAt(this.#lines, offsetOf(node)));
  }
}

function offsetOf(node: unknown): number {
  return isCollection(node) || isScalar(node) || isAlias(node) ? node.range?.[0] ?? 0 : 0;
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return line === 0 ? START : { line, column: col };
}

function isMergeKey({ key }: Pair): boolean {
  return isScalar(key) &&
    (typeof key.value === "symbol" || (key.value === "<<" && key.type === "PLAIN"));
}

/** As sigs.k8s.io/yaml, which makes keys of JSON of numbers and booleans. */
function keyOf(key: unknown): string {
  if (isScalar(key)) return String(key.value);
  if (isCollection(key) || isAlias(key)) throw new Refusal("a key is no text", offsetOf(key));
  return String(key);
}

/** JSON may be indented by tabs, which YAML has not; within texts JSON has none. */
function withoutTabs(text: string): string {
  return /^\s*\{/.test(text) ? text.replaceAll("\t", " ") : text;
}

/**
 * Reads the documents of a file.
 *
 * @param text Of the file.
 * @returns Those that are not empty, or the first thing that makes the text unreadable.
 */
export function readYaml(text: string): readonly LocatedDocument[] | SyntaxFault {
  if (text.length > MOST_BYTES) {
    return {
      position: START,
      message: `it has ${text.length} bytes, and ${MOST_BYTES} at most are read`,
    };
  }
  const lines = new LineCounter();
  if (deepest(text) > DEEPEST * 4) {
    return { position: START, message: TOO_DEEP };
  }
  try {
    const parsed = parseAllDocuments(withoutTabs(text), {
      version: "1.1",
      customTags: withoutTimes,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "silent",
      lineCounter: lines,
    });
    const budget = { values: 0 };
    const documents: LocatedDocument[] = [];
    for (const document of parsed) {
      const [error] = document.errors;
      if (error !== undefined) {
        const message = /call stack/.test(error.message) ? TOO_DEEP : lowerFirst(error.message);
        return { position: positionAt(lines, error.pos[0]), message };
      }
      if (document.contents === null) continue;
      const located = new Reader(lines, budget).read(document.contents);
      if (located.value !== null) documents.push(located);
    }
    return documents;
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      return { position: positionAt(lines, thrown.offset), message: thrown.message };
    }
    // Of block collections no one has counted the levels: the parser's stack has.
    if (thrown instanceof RangeError) {
      return { position: START, message: TOO_DEEP };
    }
    return { position: START, message: lowerFirst(messageOf(thrown)) };
  }
}

function lowerFirst(message: string): string {
  return message.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase());
}
