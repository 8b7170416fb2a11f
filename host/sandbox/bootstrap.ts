/**
 * The only static module of a sandbox: reads the plugin's text from stdin, takes away what a
 * plugin has no business with, imports the text and hands it the wire.
 *
 * It imports nothing and is ASCII: the host passes it, types stripped, on the child's command
 * line, so that the child needs no file. The plugin's text is imported as a data: URL in a dynamic
 * import whose specifier is computed: only then does Deno check the permissions (none) of
 * everything the text imports in turn; a static graph or a literal specifier would be read with
 * the rights of whoever loads it.
 *
 * @module
 */

const { stdin, stdout, stderr } = Deno;
const exit: (code?: number) => never = Deno.exit;
const read = stdin.read.bind(stdin);
const write = stdout.writeSync.bind(stdout);
const complain = stderr.writeSync.bind(stderr);
const later = globalThis.setTimeout;
const now = performance.now.bind(performance);
const encoder = new TextEncoder();
/** Present because the host passes --expose-gc. */
const collect = (globalThis as { gc?: (how: { type: "major"; flavor: "last-resort" }) => void }).gc;

/** With --profiling: the module that answers for V8's profilers, and the commands it may obey. */
const [inspector, commands] = Deno.args;

/** How long nothing may have been read or written before garbage is collected, in ms. */
const QUIET_MS = 100;
/** Bytes whose base64 is made at once: a multiple of 3, small enough for an argument list. */
const BASE64_CHUNK = 0x6000;

/**
 * How the process ends (sysexits.h): EX_SOFTWARE for what may go better another time, EX_DATAERR
 * for a text that cannot be run, which the host then does not try again.
 */
const FAILED = 70;
const UNFIT = 65;

function end(message: string, code = FAILED): never {
  complain(encoder.encode(`${message}\n`));
  exit(code);
}

function describe(thrown: unknown): string {
  const told = thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
  // The text itself, of which the host quotes only the last bytes.
  return told.replace(/(base64,)[\w+/=]+/g, "$1......");
}

async function exactly(length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = await read(bytes.subarray(filled));
    if (count === null) exit(0);
    filled += count;
  }
  return bytes;
}

/** What stays of globalThis is the language and the web's pure parts; the list is what goes. */
const TAKEN_AWAY = [
  "Deno",
  "process",
  "gc",
  "Worker",
  "SharedWorker",
  "BroadcastChannel",
  "SharedArrayBuffer",
  "fetch",
  "WebSocket",
  "WebSocketStream",
  "EventSource",
  "WebTransport",
  "caches",
  "localStorage",
  "sessionStorage",
  "navigator",
  "alert",
  "confirm",
  "prompt",
  "close",
];

function takeAway(): void {
  for (const name of TAKEN_AWAY) {
    // Some are inherited from Window.prototype, so that deleting alone would uncover them.
    Reflect.deleteProperty(globalThis, name);
    if (name in globalThis) Reflect.defineProperty(globalThis, name, { value: undefined });
    if (Reflect.get(globalThis, name) !== undefined) end(`cannot take away ${name}`);
  }
  // stdout is the wire: what a plugin or a library prints goes to stderr.
  for (const name of ["log", "info", "debug", "dir", "table"] as const) {
    console[name] = console.error;
  }
}

function dataUrl(code: Uint8Array): string {
  let base64 = "";
  for (let at = 0; at < code.length; at += BASE64_CHUNK) {
    base64 += btoa(String.fromCharCode(...code.subarray(at, at + BASE64_CHUNK)));
  }
  return `data:text/javascript;base64,${base64}`;
}

let lastUse = 0;
let collecting = false;

function collectSoon(): void {
  if (collecting) return;
  collecting = true;
  const look = () => {
    const quiet = now() - lastUse;
    if (quiet < QUIET_MS) later(look, QUIET_MS - quiet + 1);
    else {
      collecting = false;
      // "last-resort" also gives back the pages that were freed.
      collect?.({ type: "major", flavor: "last-resort" });
    }
  };
  later(look, QUIET_MS);
}

type Fill = (into: Uint8Array) => Promise<Uint8Array | null>;
type Ends = { read: typeof read; write: (bytes: Uint8Array) => void };

const pipe = {
  fill: async (into: Uint8Array): Promise<Uint8Array | null> => {
    const count = await read(into);
    lastUse = now();
    return count === null ? null : into.subarray(0, count);
  },
  // At once, and not through the thread pool: it is faster, and a handler that never gives the
  // thread back cannot hold up the acknowledgement written before it.
  write: (bytes: Uint8Array): void => {
    for (let written = 0; written < bytes.length;) written += write(bytes.subarray(written));
    lastUse = now();
  },
  collectSoon,
};

/** Stands between the host and the plugin, for the frames that are for neither's handlers. */
async function inspectable(module: string): Promise<Fill> {
  const { inspectable } = await import(module);
  const between: (ends: Ends) => Fill = await inspectable(commands);
  const fill = between({ read, write: pipe.write });
  return async (into) => {
    const filled = await fill(into);
    lastUse = now();
    return filled;
  };
}

/** A name for the plugin's text that is short: V8 repeats it for every function of a profile. */
function blobUrl(code: Uint8Array<ArrayBuffer>): string {
  return URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
}

/**
 * A terminal's Ctrl-C and systemd's stop signal every process of a group at once. The host ends a
 * plugin, by its stdin or by SIGKILL, after the sync in flight.
 */
function leaveSignalsToHost(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => {});
}

/** What the text exports by default, to be run by whoever asks. */
async function load(url: string): Promise<(pipe: unknown) => Promise<void>> {
  let module: { readonly default?: { readonly "~serve"?: unknown } };
  try {
    module = await import(url);
  } catch (thrown) {
    end(describe(thrown), UNFIT);
  }
  const serve = module.default?.["~serve"];
  if (typeof serve === "function") return (pipe) => serve(pipe);
  const state = module.default === undefined
    ? "it has no default export"
    : "its default export is not made by a define function";
  end(`${state}: write export default defineProxier({ ... }), or what else weir defines`, UNFIT);
}

/** V8 keeps ten: encoding a rule alone is deeper, and the author's own line is what matters. */
const FRAMES = 40;

async function run(): Promise<void> {
  Error.stackTraceLimit = FRAMES;
  leaveSignalsToHost();
  const length = new DataView((await exactly(4)).buffer).getUint32(0, true);
  const code = await exactly(length);
  const url = inspector === undefined ? dataUrl(code) : blobUrl(code);
  if (inspector !== undefined) pipe.fill = await inspectable(inspector);
  takeAway();
  const serve = await load(url);
  await serve(pipe);
}

try {
  await run();
} catch (thrown) {
  end(describe(thrown));
}
exit(0);
