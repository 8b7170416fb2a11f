/**
 * Makes one self-contained text of a plugin's module graph, once for each content: the text is
 * kept in a folder under a key made of every file that went into it.
 *
 * @module
 */
import * as v from "valibot";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { graphFiles } from "./graph.ts";

/** What bundling stands on. */
export interface BundleOptions {
  /** The path of the Deno program. */
  readonly deno: string;
  /** weir's own folder with its deno.json, which says what "weir" means; ends in `/`. */
  readonly home: URL;
  /** Where bundles are kept; made when it is missing. Ends in `/`. */
  readonly cache: URL;
}

/** What is remembered of an earlier bundle: the files it was made of and their hashes. */
const RecordSchema = v.object({
  deno: v.string(),
  files: v.record(v.string(), v.string()),
  bundle: v.string(),
});

type Record = v.InferOutput<typeof RecordSchema>;

/**
 * The SHA-256 of some bytes.
 *
 * @param bytes Any.
 * @returns 64 lower-case hex digits.
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return new Uint8Array(digest).toHex();
}

/**
 * Bundles a plugin, or finds the bundle of the same content.
 *
 * @param entry The plugin's file, a `file:` URL.
 * @param options Programs and folders.
 * @returns The text, one ES module without imports but `node:`.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when the graph is not acceptable or does not bundle.
 */
export async function bundlePlugin(entry: URL, options: BundleOptions): Promise<Uint8Array> {
  await Deno.mkdir(options.cache, { recursive: true });
  const name = await sha256(new TextEncoder().encode(`${options.home.href}\n${entry.href}`));
  const recordFile = new URL(`${name}.json`, options.cache);
  const kept = await keptBundle(recordFile, options.cache);
  if (kept !== undefined) return kept;
  // A file may change while it is being bundled: the hashes before and after must agree.
  for (let attempt = 0; attempt < 3; attempt++) {
    const files = await graphOf(entry, options);
    const before = await hashFiles(files);
    const text = await runBundle(entry, options);
    const after = await hashFiles(files);
    if (JSON.stringify(before) !== JSON.stringify(after)) continue;
    const bundle = `${await sha256(text)}.js`;
    await writeWhole(new URL(bundle, options.cache), text);
    const record: Record = { deno: Deno.version.deno, files: before, bundle };
    await writeWhole(recordFile, new TextEncoder().encode(JSON.stringify(record)));
    return text;
  }
  throw failure(entry, "its files keep changing");
}

function failure(entry: URL, state: string, cause?: unknown): WeirError {
  return new WeirError("WEIR_PLUGIN_LOAD", `Cannot bundle plugin "${entry.href}": ${state}`, {
    cause,
  });
}

/** The kept bundle if nothing it was made of has changed. */
async function keptBundle(recordFile: URL, cache: URL): Promise<Uint8Array | undefined> {
  try {
    const json: unknown = JSON.parse(await Deno.readTextFile(recordFile));
    const record = v.parse(RecordSchema, json);
    if (record.deno !== Deno.version.deno) return undefined;
    const now = await hashFiles(Object.keys(record.files));
    if (JSON.stringify(now) !== JSON.stringify(record.files)) return undefined;
    const text = await Deno.readFile(new URL(record.bundle, cache));
    return `${await sha256(text)}.js` === record.bundle ? text : undefined;
  } catch {
    // Missing, torn or of another version: it is made anew.
    return undefined;
  }
}

async function hashFiles(files: readonly string[]): Promise<{ [url: string]: string }> {
  const entries = await Promise.all(
    files.map(async (file) => [file, await sha256(await Deno.readFile(new URL(file)))] as const),
  );
  return Object.fromEntries(entries);
}

/** The lock pins what weir itself imports; a plugin's own packages are not in it. */
function lockOption(entry: URL, home: URL): string {
  return entry.href.startsWith(home.href) ? "--frozen" : "--no-lock";
}

async function graphOf(entry: URL, options: BundleOptions): Promise<readonly string[]> {
  const { home } = options;
  const config = new URL("deno.json", home);
  const json = await runDeno(entry, options.deno, [
    "info",
    "--json",
    "--config",
    config.pathname,
    lockOption(entry, home),
    entry.href,
  ]);
  const roots = [new URL("./", entry), home];
  const files = graphFiles(new TextDecoder().decode(json), entry.href, roots);
  return [...files, config.href];
}

async function runBundle(entry: URL, options: BundleOptions): Promise<Uint8Array> {
  const { home, deno } = options;
  return await runDeno(entry, deno, [
    "bundle",
    "--quiet",
    "--platform=browser",
    "--config",
    new URL("deno.json", home).pathname,
    lockOption(entry, home),
    entry.href,
  ]);
}

async function runDeno(entry: URL, deno: string, args: string[]): Promise<Uint8Array> {
  const output = await new Deno.Command(deno, { args, stdin: "null" }).output()
    .catch((cause) => {
      throw failure(entry, messageOf(cause), cause);
    });
  if (output.success) return output.stdout;
  const said = new TextDecoder().decode(output.stderr).trim().split("\n").slice(-12).join("\n");
  throw failure(entry, `deno ${args[0]} says ${said}`);
}

/** Whoever reads sees all or nothing, however many write at once. */
async function writeWhole(file: URL, bytes: Uint8Array): Promise<void> {
  const part = new URL(`${file.href}.${crypto.randomUUID()}.part`);
  await Deno.writeFile(part, bytes, { mode: 0o644 });
  await Deno.rename(part, file);
}
