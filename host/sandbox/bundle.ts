/**
 * Makes one self-contained text of a plugin's module graph, once for each content: the text is
 * kept in a folder under a key made of every file that went into it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { LIMITS, type Limits } from "../../schemas/wire.ts";
import { graphFiles } from "./graph.ts";
import { missingPackages } from "./missing_packages.ts";

/** What bundling stands on. */
export interface BundleOptions {
  /** The path of the Deno program. */
  readonly deno: string;
  /** weir's own folder with its deno.json, which says what "weir" means; ends in `/`. */
  readonly home: URL;
  /** Where bundles are kept; made when it is missing. Ends in `/`. */
  readonly cache: URL;
  /** Told which npm packages have to be fetched; nobody is if left out. */
  readonly fetching?: (packages: readonly string[]) => void;
  /** What bounds the time and the size; `LIMITS` if left out. */
  readonly limits?: Pick<Limits, "bundleMs" | "codeBytes">;
}

/** What of weir's own folder a plugin may import. */
const WEIR = ["mod.ts", "plugins/sdk/", "schemas/"];

/** Where a source map is kept. */
export interface KeptMap {
  readonly file: URL;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** A plugin's text. */
export interface Bundle {
  /** One ES module. */
  readonly text: Uint8Array;
  /** From which sources it was made; undefined where that is not known. */
  readonly map: KeptMap | undefined;
}

/** What says how weir's own folder is bundled. */
const SETTINGS = ["deno.json", "deno.lock", "package.json", ".npmrc"];

/** What is remembered of an earlier bundle: the files it was made of and their hashes. */
const RecordSchema = v.object({
  deno: v.string(),
  files: v.record(v.string(), v.string()),
  bundle: v.string(),
  /** The source map's hash. */
  map: v.nullable(v.pipe(v.string(), v.hexadecimal())),
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
 * @returns The text, one ES module without imports but `node:`, and its source map.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when the graph is not acceptable or does not bundle.
 */
export async function bundlePlugin(entry: URL, options: BundleOptions): Promise<Bundle> {
  await Deno.mkdir(options.cache, { recursive: true });
  const name = await sha256(new TextEncoder().encode(`${options.home.href}\n${entry.href}`));
  const recordFile = new URL(`${name}.json`, options.cache);
  const kept = await keptBundle(recordFile, options.cache);
  if (kept !== undefined) return kept;
  const lock = await lockFor(entry, options);
  try {
    return await bundleAnew({ ...options, entry, lock }, recordFile);
  } finally {
    if (lock !== undefined) await Deno.remove(lock);
  }
}

/** One bundling. */
interface Job extends BundleOptions {
  readonly entry: URL;
  /** The lock of a third party's plugin; undefined for weir's own, which stands beside it. */
  readonly lock: URL | undefined;
}

/** The package that the SDK is made with. */
const SDK_PACKAGE = "valibot";

const LockSchema = v.object({
  version: v.string(),
  specifiers: v.record(v.string(), v.string()),
  npm: v.record(v.string(), v.unknown()),
});

/**
 * A third party's packages are not in weir's lock, and it must not come to hold them. So there is
 * one for this bundling alone, with the package of the SDK: without, Deno asks the registry for
 * metadata, which is not in the cache where weir was installed by its lock.
 */
async function lockFor(entry: URL, { home, cache }: BundleOptions): Promise<URL | undefined> {
  if (entry.href.startsWith(home.href)) return undefined;
  const json: unknown = JSON.parse(await Deno.readTextFile(new URL("deno.lock", home)));
  const { version, specifiers, npm } = v.parse(LockSchema, json);
  const ours = <Value>(entries: Readonly<{ [key: string]: Value }>, prefix: string) =>
    Object.fromEntries(Object.entries(entries).filter(([key]) => key.startsWith(prefix)));
  const lock = new URL(`${crypto.randomUUID()}.lock`, cache);
  const text = JSON.stringify({
    version,
    specifiers: ours(specifiers, `npm:${SDK_PACKAGE}@`),
    npm: ours(npm, `${SDK_PACKAGE}@`),
  });
  await Deno.writeTextFile(lock, text);
  return lock;
}

function lockOptions({ lock }: Job): readonly string[] {
  // deno.json has it frozen.
  return lock === undefined ? ["--frozen"] : [`--lock=${fileURLToPath(lock)}`, "--frozen=false"];
}

async function bundleAnew(options: Job, recordFile: URL): Promise<Bundle> {
  const { entry } = options;
  const roots = [new URL("./", entry), ...WEIR.map((path) => new URL(path, options.home))];
  // The bundler comes before everyone else who reads the files: it alone is kept inside the roots.
  let made = await runFirst(roots, options);
  // A file may change while it is being bundled: the texts before and after must agree.
  for (let attempt = 0; attempt < 3; attempt++) {
    const files = await hashFiles(await graphOf(roots, options));
    const before = made;
    made = await runBundler(roots, options, MAPPED).catch(() =>
      // What a map takes may be out of reach; the text alone was not, a moment ago.
      runBundler(roots, options, TEXT)
    );
    const { text, map } = made;
    const hash = await sha256(text);
    if (await sha256(before.text) !== hash) continue;
    const bundle = `${hash}.js`;
    await writeWhole(new URL(bundle, options.cache), text);
    const mapHash = map.length === 0 ? null : await sha256(map);
    if (mapHash !== null) await writeWhole(new URL(`${mapHash}.map`, options.cache), map);
    const record: Record = { deno: Deno.version.deno, files, bundle, map: mapHash };
    await writeWhole(recordFile, new TextEncoder().encode(JSON.stringify(record)));
    return { text, map: keptMap(record, options.cache) };
  }
  throw failure(entry, "its files keep changing");
}

function failure(entry: URL, state: string, cause?: unknown): WeirError {
  return new WeirError("WEIR_PLUGIN_LOAD", `Cannot bundle plugin "${entry.href}": ${state}`, {
    cause,
  });
}

function keptMap({ map }: Record, cache: URL): KeptMap | undefined {
  return map === null ? undefined : { file: new URL(`${map}.map`, cache), sha256: map };
}

/** The kept bundle if nothing it was made of has changed. */
async function keptBundle(recordFile: URL, cache: URL): Promise<Bundle | undefined> {
  try {
    const json: unknown = JSON.parse(await Deno.readTextFile(recordFile));
    const record = v.parse(RecordSchema, json);
    if (record.deno !== Deno.version.deno) return undefined;
    const now = await hashFiles(Object.keys(record.files));
    if (JSON.stringify(now) !== JSON.stringify(record.files)) return undefined;
    const text = await Deno.readFile(new URL(record.bundle, cache));
    return `${await sha256(text)}.js` === record.bundle
      ? { text, map: keptMap(record, cache) }
      : undefined;
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

async function graphOf(roots: readonly URL[], options: Job): Promise<readonly string[]> {
  const { entry, home } = options;
  const config = new URL("deno.json", home);
  const args = ["--json", "--config", config.pathname, ...lockOptions(options), entry.href];
  const json = await runDeno("info", args, options);
  return [...graphFiles(new TextDecoder().decode(json), entry.href, roots), config.href];
}

const PlacesSchema = v.object({ npmCache: v.string(), denoDir: v.string() });

/** What the bundler makes: the text, and with "mapped" its source map where that can be had. */
interface Made {
  readonly text: Uint8Array;
  /** JSON of `SourceMapSchema`; empty without. */
  readonly map: Uint8Array;
}

/** What one run of the bundler is to do. */
interface Run {
  /** Whether the source map is wanted. */
  readonly mapped: boolean;
  /** Whether packages may be fetched. */
  readonly fetches: boolean;
}

const TEXT: Run = { mapped: false, fetches: false };
const MAPPED: Run = { mapped: true, fetches: false };
/** Milliseconds for fetching packages, as for code from https. */
const FETCH_MS = 30_000;

/**
 * Bundles by what Deno has cached, and fetches what it lacks: asked at once, it would wait for a
 * registry that does not answer before it looks at what is there.
 */
async function runFirst(roots: readonly URL[], options: Job): Promise<Made> {
  let lacking: readonly string[];
  try {
    return await runBundler(roots, options, TEXT);
  } catch (thrown) {
    lacking = missingPackages(messageOf(thrown));
    if (lacking.length === 0) throw thrown;
  }
  options.fetching?.(lacking);
  const { limits = LIMITS } = options;
  const bundleMs = Math.min(limits.bundleMs, FETCH_MS);
  const fetching = { ...options, limits: { ...limits, bundleMs } };
  return await runBundler(roots, fetching, { mapped: false, fetches: true }).catch((thrown) => {
    const said = messageOf(thrown);
    if (missingPackages(said).length === 0 && !said.includes("has not ended")) throw thrown;
    const state = `Deno has not cached ${lacking.join(", ")} of npm and cannot fetch it now; ` +
      "start weir once where npm's registry answers, or pin a bundle that is ready";
    throw failure(options.entry, state, thrown);
  });
}

/** Bundles in a process that may read the roots and npm's packages, and nothing else. */
async function runBundler(
  roots: readonly URL[],
  options: Job,
  { mapped, fetches }: Run,
): Promise<Made> {
  const { entry, home, lock } = options;
  const json = await runDeno("info", ["--json"], options);
  const { npmCache, denoDir } = v.parse(PlacesSchema, JSON.parse(new TextDecoder().decode(json)));
  // Deno looks where a link leads; that the roots themselves are reached by links is the
  // operator's will.
  const real = await Promise.all(roots.map((root) => Deno.realPath(root).catch(() => npmCache)));
  const readable = [...new Set([...roots.map((root) => fileURLToPath(root)), ...real, npmCache])];
  const comma = readable.find((path) => path.includes(","));
  // It would part one permission into two.
  if (comma !== undefined) throw failure(entry, `the path "${comma}" has a comma`);
  // What Deno reads of its own accord, whoever asks it to bundle.
  const settings = [
    ...SETTINGS.map((file) => new URL(file, home)),
    ...lock === undefined ? [] : [lock],
  ]
    .map((file) => fileURLToPath(file));
  const made = await runDeno("run", [
    "--quiet",
    "--no-prompt",
    "--no-remote",
    ...(fetches ? [] : ["--cached-only"]),
    "--unstable-bundle",
    `--allow-read=${readable.join(",")}`,
    // To give up what it may read beside that, and to know where npm's settings are.
    ...(mapped ? ["--allow-ffi", "--allow-env=HOME"] : []),
    "--config",
    new URL("deno.json", home).pathname,
    ...lockOptions(options),
    new URL("../bundler_child.ts", import.meta.url).href,
    entry.href,
    home.href,
    ...(mapped ? [`${MAP_BYTES}`, ...readable, denoDir, ...settings] : []),
  ], options);
  const end = PREFIX_BYTES + new DataView(made.buffer).getUint32(0, true);
  const text = made.subarray(end);
  const { codeBytes } = options.limits ?? LIMITS;
  if (text.length > codeBytes) throw failure(entry, `it has more than ${codeBytes} bytes`);
  return { map: made.subarray(PREFIX_BYTES, end), text };
}

async function runDeno(
  command: "info" | "run",
  args: readonly string[],
  { entry, deno, home, limits = LIMITS }: Job,
): Promise<Uint8Array<ArrayBuffer>> {
  const { bundleMs, codeBytes } = limits;
  const late = AbortSignal.timeout(bundleMs);
  const what = command === "run" ? "bundler" : "deno info";
  try {
    const child = spawnBounded([deno, command, ...args], fileURLToPath(home), late);
    // The graph of much code is larger than its text, by far less than this.
    const most = command === "run" ? PREFIX_BYTES + MAP_BYTES + codeBytes : 4 * codeBytes;
    const stop = () => child.kill("SIGKILL");
    const [said, stdout, { success }] = await Promise.all([
      upTo(child.stderr, ERROR_BYTES, stop),
      upTo(child.stdout, most, stop),
      child.status,
    ]);
    if (stdout === undefined) throw failure(entry, `it has more than ${codeBytes} bytes`);
    if (success && !late.aborted) return stdout;
    if (late.aborted) throw failure(entry, `${what} has not ended after ${bundleMs} ms`);
    const lines = new TextDecoder().decode(said).trim().split("\n").slice(-12);
    // A specifier in it may be as long as the plugin's author likes.
    const shown = lines.map((line) => line.slice(0, LINE_CHARACTERS)).join("\n");
    throw failure(entry, `${what} says ${shown}`);
  } catch (cause) {
    throw cause instanceof WeirError ? cause : failure(entry, messageOf(cause), cause);
  }
}

/**
 * Starts a program with a bound on its memory, where the node has a program for that: a file of
 * the plugin's folder may be a link to a device that never ends.
 */
function spawnBounded(
  command: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Deno.ChildProcess {
  const spawn = ([program = "", ...args]: readonly string[]) =>
    new Deno.Command(program, {
      args,
      // The text names its files from there, and a pin is to hold wherever weir was started.
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
  try {
    return spawn(["prlimit", `--data=${MEMORY_BYTES}`, "--core=0", ...command]);
  } catch {
    return spawn(command);
  }
}

/** The bundler says first how long the map is, then the map, then the text. */
const PREFIX_BYTES = 4;
/** Bytes of a source map; one that is larger is left out. That of weir's proxier has 110,000. */
const MAP_BYTES = 1 << 20;
/** RLIMIT_DATA of Deno while it bundles; it takes some 100 MB. */
const MEMORY_BYTES = 1 << 30;
/** Bytes that a program may say on stderr. */
const ERROR_BYTES = 1 << 20;
/** Of a line that a program says: a path (PATH_MAX) and what is said about it. */
const LINE_CHARACTERS = 5000;

/** All of a stream, or undefined when it is longer than `most` bytes. */
async function upTo(
  stream: ReadableStream<Uint8Array>,
  most: number,
  stop: () => void,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > most) {
      stop();
      return undefined;
    }
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Whoever reads sees all or nothing, however many write at once. */
async function writeWhole(file: URL, bytes: Uint8Array): Promise<void> {
  const part = new URL(`${file.href}.${crypto.randomUUID()}.part`);
  await Deno.writeFile(part, bytes, { mode: 0o644 });
  await Deno.rename(part, file);
}
