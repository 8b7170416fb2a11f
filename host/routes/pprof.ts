/**
 * /debug/pprof/, which answers as Go's net/http/pprof does: paths, parameters, status codes and
 * formats are those that `go tool pprof` and who scrapes profiles know. `?plugin=` names a plugin,
 * whose process is then profiled in place of the host's.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { messageOf } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import { HeapBusy, HeapWatch } from "../profiles/heap_watch.ts";
import { encodePprof, formatProfile, type Profile } from "../profiles/pprof.ts";
import type { Profiler } from "../profiles/profiler.ts";
import { masked } from "../telemetry/masked.ts";

/** What can be profiled. */
export interface ProfileSubjects {
  readonly host: Profiler;
  /** By name. */
  readonly plugins: ReadonlyMap<string, Profiler>;
  /** What the host waits for now. */
  tasks(): Profile;
}

/** What the routes stand on. */
export interface PprofRoutesOptions {
  readonly subjects: ProfileSubjects;
  /** The words of the process' command line. */
  readonly commandLine: () => readonly string[];
  /** Seconds that a profile may last. */
  readonly profileSeconds: number;
  readonly clock: Clock;
}

const NOSNIFF = { "X-Content-Type-Options": "nosniff" };
const TEXT = { ...NOSNIFF, "Content-Type": "text/plain; charset=utf-8" };
const PREFIX = "/debug/pprof";

/** Go's defaults, in seconds. */
const CPU_SECONDS = 30;
const TRACE_SECONDS = 1;
/** What Go knows since the start, weir has to look for; as long as people wait gladly. */
const ALLOCS_SECONDS = 10;

/**
 * Seconds of the longest trace and the longest look at allocations: what either keeps grows with
 * its time, some megabytes each second that the process is busy.
 */
const GROWING_SECONDS = 30;

/** What the index says of each. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  allocs: "Where objects are allocated, within ?seconds= (10); begins the heap profile anew",
  cmdline: "The command line, its words parted by NUL",
  goroutine: "What weir waits for: callbacks of its clock, plugins and their calls; ?debug=1",
  heap: "Where the live objects come from; ?gc=1 collects garbage before, ?seconds= tells a change",
  profile: "Where the processor's time goes, within ?seconds= (30); for go tool pprof",
  trace: "What runs when, within ?seconds= (1); JSON for Perfetto and chrome://tracing",
};

type Taken = Response | Promise<Response>;

/** Go's serveError, whose header tells pprof that the text is for people. */
function refuse(
  context: Context,
  status: 400 | 404 | 500 | 503,
  text: string,
  retryAfter?: number,
): Response {
  const later: Record<string, string> = retryAfter === undefined
    ? {}
    : { "Retry-After": String(Math.max(1, Math.ceil(retryAfter))) };
  return context.body(`${text}\n`, status, { ...TEXT, "X-Go-Pprof": "1", ...later });
}

/** A whole number above 0, or undefined. */
function positive(text: string | undefined): number | undefined {
  return text !== undefined && /^\+?\d+$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}

function attachment(context: Context, name: string, body: Uint8Array<ArrayBuffer>): Response {
  return context.body(body, 200, {
    ...NOSNIFF,
    "Content-Type": "application/octet-stream",
    "Content-Disposition": `attachment; filename="${name}"`,
  });
}

async function profileAnswer(context: Context, name: string, profile: Profile): Promise<Response> {
  if ((Number(context.req.query("debug")) || 0) !== 0) {
    return context.body(formatProfile(name, profile), 200, TEXT);
  }
  return attachment(context, name, await encodePprof(profile));
}

function indexPage(plugins: Iterable<string>): string {
  const rows = (query: string) =>
    Object.entries(DESCRIPTIONS)
      .filter(([name]) => query === "" || !["cmdline", "goroutine"].includes(name))
      .map(([name, text]) => `<tr><td><a href="${name}${query}">${name}</a><td>${text}`).join("\n");
  const of = [...plugins].map((name) =>
    `<h2>plugin ${escaped(name)}</h2>\n<table>\n${
      rows(`?plugin=${encodeURIComponent(name)}`)
    }\n</table>`
  );
  return `<!DOCTYPE html>
<html lang="en">
<head><title>${PREFIX}/</title></head>
<body>
<h1>${PREFIX}/</h1>
<h2>weir</h2>
<table>
${rows("")}
</table>
${of.join("\n")}
<p><a href="goroutine?debug=1">what weir waits for, as text</a></p>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/**
 * Makes the routes.
 *
 * @param options What they stand on.
 * @returns A Hono application.
 */
export function pprofRoutes(options: PprofRoutesOptions): Hono {
  const { subjects, commandLine, profileSeconds, clock } = options;

  /** Finds whom a request is about, and takes the profile. */
  const of =
    (take: (context: Context, profiler: Profiler) => Taken) => async (context: Context) => {
      const plugin = context.req.query("plugin");
      const { host, plugins } = subjects;
      const profiler = plugin === undefined ? host : plugins.get(plugin);
      if (profiler === undefined) {
        const names = [...plugins.keys()].join(", ");
        return refuse(context, 404, `Cannot profile plugin "${plugin}": there are ${names}`);
      }
      try {
        return await take(context, profiler);
      } catch (thrown) {
        return refuse(context, 500, messageOf(thrown));
      }
    };
  const tooLong = (context: Context, most = profileSeconds) =>
    refuse(context, 400, `profile duration exceeds the limit of ${most} seconds`);
  const growing = Math.min(GROWING_SECONDS, profileSeconds);
  const heaps = new WeakMap<Profiler, HeapWatch>();
  const heapOf = (profiler: Profiler) => {
    const heap = heaps.get(profiler) ?? new HeapWatch(profiler, clock);
    heaps.set(profiler, heap);
    return heap;
  };
  const profiled = async (context: Context, taken: Promise<Response | HeapBusy>) => {
    const answer = await taken;
    return answer instanceof HeapBusy ? refuse(context, 503, answer.state, answer.seconds) : answer;
  };

  const takeCpu = async (context: Context, profiler: Profiler) => {
    const seconds = positive(context.req.query("seconds")) ?? CPU_SECONDS;
    if (seconds > profileSeconds) return tooLong(context);
    if (profiler.recording) {
      return refuse(context, 500, "Could not enable CPU profiling: cpu profiling already in use");
    }
    return await profileAnswer(
      context,
      "profile",
      await profiler.cpu(seconds, context.req.raw.signal),
    );
  };
  const takeTrace = async (context: Context, profiler: Profiler) => {
    const asked = Number(context.req.query("seconds"));
    const seconds = asked > 0 ? asked : TRACE_SECONDS;
    if (seconds > growing) return tooLong(context, growing);
    if (profiler.recording) {
      return refuse(context, 500, "Could not enable tracing: cpu profiling already in use");
    }
    const text = await profiler.timeline(seconds, context.req.raw.signal);
    return context.body(text, 200, {
      ...NOSNIFF,
      "Content-Type": "application/json",
      "Content-Disposition": `attachment; filename="trace.json"`,
    });
  };
  const takeHeap = async (context: Context, profiler: Profiler) => {
    const heap = heapOf(profiler);
    const { signal } = context.req.raw;
    const text = context.req.query("seconds");
    if (text === undefined) {
      const collect = (Number(context.req.query("gc")) || 0) > 0;
      const answer = (profile: Profile) => profileAnswer(context, "heap", profile);
      return await profiled(context, heap.read(collect, signal, answer));
    }
    const seconds = positive(text);
    if (seconds === undefined) return notPositive(context);
    if (seconds > profileSeconds) return tooLong(context);
    const answer = (profile: Profile) => profileAnswer(context, "heap-delta", profile);
    return await profiled(context, heap.change(seconds, signal, answer));
  };
  const takeAllocs = async (context: Context, profiler: Profiler) => {
    const text = context.req.query("seconds");
    const seconds = text === undefined ? Math.min(ALLOCS_SECONDS, growing) : positive(text);
    if (seconds === undefined) return notPositive(context);
    if (seconds > growing) return tooLong(context, growing);
    const answer = (profile: Profile) => profileAnswer(context, "allocs", profile);
    const { signal } = context.req.raw;
    return await profiled(context, heapOf(profiler).allocations(seconds, signal, answer));
  };

  return new Hono()
    .get(PREFIX, (context) => context.redirect(`${PREFIX}/`, 301))
    .get(`${PREFIX}/`, (context) =>
      context.body(indexPage(subjects.plugins.keys()), 200, {
        ...NOSNIFF,
        "Content-Type": "text/html; charset=utf-8",
      }))
    .get(`${PREFIX}/profile`, of(takeCpu))
    .get(`${PREFIX}/trace`, of(takeTrace))
    .get(`${PREFIX}/heap`, of(takeHeap))
    .get(`${PREFIX}/allocs`, of(takeAllocs))
    .get(`${PREFIX}/goroutine`, (context) => profileAnswer(context, "goroutine", subjects.tasks()))
    .get(
      `${PREFIX}/cmdline`,
      (context) => context.body(commandLine().map(masked).join("\0"), 200, TEXT),
    )
    // Every function of a profile has its name in it, so there is no address to look up. pprof
    // only wants to know that symbols exist.
    .on(
      ["GET", "POST"],
      `${PREFIX}/symbol`,
      (context) => context.body("num_symbols: 1\n", 200, TEXT),
    )
    .get(`${PREFIX}/*`, (context) => refuse(context, 404, "Unknown profile"));
}

function notPositive(context: Context): Response {
  return refuse(context, 400, 'invalid value for "seconds" - must be a positive integer');
}
