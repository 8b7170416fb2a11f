/**
 * Which file and line of a plugin's author something in its bundle comes from: what stack traces
 * and profiles name in place of the bundle. All of it is read when somebody asks, and kept by
 * nobody.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { printable } from "../printable.ts";
import { type KeptMap, sha256 } from "./bundle.ts";
import type { PluginCode } from "./code.ts";
import { SourceMap, SourceMapSchema } from "./source_map.ts";

/** Where something of a plugin's text comes from. */
export interface Origin {
  /** The file of the sources that it is of, as far as that is known. */
  readonly part: string;
  /** The file in which the line is: of the sources, or the text that runs. */
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
}

/** Finds the origin of a place in the text; both numbers count from 0. */
export type FindOrigin = (line: number, column: number) => Origin;

/** Where a file's part of the bundle begins. */
interface Section {
  /** Counts from 0. */
  readonly line: number;
  readonly file: string;
}

/**
 * The bundler writes the path of each file above what it took of it. A longer one than PATH_MAX is
 * a line of the plugin's own, which a stack of 8 KiB could have repeated hundreds of times.
 */
const SECTION = /^\/\/ ([^\s@].{0,4092}\.[cm]?[jt]sx?)$/gm;
/** Sections that are told apart: the text may hold as many lines that look like one as it likes. */
const MOST_SECTIONS = 4096;

function sectionsOf(text: string): readonly Section[] {
  const sections: Section[] = [];
  let line = 0;
  let counted = 0;
  for (const { index, 1: file = "" } of text.matchAll(SECTION)) {
    for (; counted < index; counted++) if (text.charCodeAt(counted) === 10) line++;
    if (sections.push({ line, file }) === MOST_SECTIONS) break;
  }
  return sections;
}

/**
 * Names a file of a package.
 *
 * @param url Its path or URL, wherever Deno keeps packages.
 * @returns For example `hono/4.13.19/dist/hono.js`; undefined for what is of none.
 */
export function packaged(url: string): string | undefined {
  return /\/npm\/[^/]+\/(.*)$/.exec(url)?.[1];
}

/** How stacks name the text: by what the bootstrap imports it as, shortened by Deno or not. */
const PLACE =
  /(?:data:text\/javascript;base64,[\w+/=.]*|blob:[\w:/.-]*\/[\da-f-]{36}):(\d+):(\d+)/g;

/** The origins of one plugin's text. */
export class Origins {
  readonly #plugin: string;
  readonly #code: PluginCode;
  readonly #home: URL;
  #last: { readonly told: string; readonly named: string } | undefined;

  /**
   * @param plugin The plugin's name.
   * @param code Its text.
   * @param home weir's own folder, which the bundler's paths are relative to; ends in `/`.
   */
  constructor(plugin: string, code: PluginCode, home: URL) {
    this.#plugin = plugin;
    this.#code = code;
    this.#home = home;
  }

  /**
   * Reads what there is to find origins by.
   *
   * @returns Finds them. What has none in the sources is a line of the text.
   */
  async read(): Promise<FindOrigin> {
    const sections = sectionsOf(new TextDecoder().decode(this.#code.text));
    const map = await readMap(this.#code.map);
    const bundle = this.#code.ready ?? `${this.#plugin}.js`;
    // A profile asks thousands of times.
    const names = new Map<string, string>();
    const shown = (section: string) => {
      const name = names.get(section) ?? this.#shown(section);
      names.set(section, name);
      return name;
    };
    return (line, column) => {
      const section = sections.findLast((one) => one.line <= line)?.file;
      const place = map?.placeOf(line, column);
      // A file may have brought a map of its own, which is its author's word and might be about
      // any other file: only what the bundler itself says stands above it counts.
      if (section !== undefined && place?.file === section) {
        const file = shown(section);
        return { part: file, file, line: place.line };
      }
      const part = section === undefined ? bundle : shown(section);
      return { part, file: bundle, line: line + 1 };
    };
  }

  /**
   * Names places of the text by their origins.
   *
   * @param told What a plugin said, for example a stack; hostile.
   * @returns The same, with the author's files and lines.
   */
  async name(told: string): Promise<string> {
    // A handler that fails is called again and again.
    if (this.#last?.told === told) return this.#last.named;
    if (told.search(PLACE) < 0) return told;
    const origin = await this.read();
    const named = told.replace(PLACE, (_, line: string, column: string) => {
      const found = origin(Number(line) - 1, Number(column) - 1);
      return `${found.file}:${found.line}`;
    });
    this.#last = { told, named };
    return named;
  }

  #shown(file: string): string {
    return printable(packaged(file) ?? (file.startsWith("../") ? this.#absolute(file) : file));
  }

  /** The bundler writes any path, and a plugin any line that looks like one of its own. */
  #absolute(file: string): string {
    try {
      return fileURLToPath(new URL(file, this.#home));
    } catch {
      // It has an escape that is none of a path, such as %2F.
      return file;
    }
  }
}

/** Undefined when there is none, or none that can be used. */
async function readMap(kept: KeptMap | undefined): Promise<SourceMap | undefined> {
  if (kept === undefined) return undefined;
  try {
    const bytes = await Deno.readFile(kept.file);
    if (await sha256(bytes) !== kept.sha256) return undefined;
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return new SourceMap(v.parse(SourceMapSchema, json));
  } catch {
    // It was removed, or is of hostile code: what there is to say is said without it.
    return undefined;
  }
}
