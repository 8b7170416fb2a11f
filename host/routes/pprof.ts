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
import { encodePprof, formatProfile, type Profile } from "../profiles/pprof.ts";
import type { Profiler } from "../profiles/profiler.ts";
import { masked } from "../telemetry/masked.ts";
import { Turns } from "../turns.ts";

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

/** Who looks at the heap of a process. */
interface HeapWatch {
  readonly turns: Turns;
  /** When the one request that watches it for some time has done, in milliseconds. */
  until: number | undefined;
  /** Whether it is told what is allocated, and not what lives. */
  sampling: boolean;
  /** Settles when the last one who read it has done. */
  reading: Promise<void> | undefined;
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

/** Heap profiles of a process that may wait for the one that is taken. */
const WAITING = 2;
/** Reading the heap stops the process, so it does not happen more often than each fifth second. */
const REST = 4;

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
  const watchOf = (profiler: Profiler) => {
    const watch = heaps.get(profiler) ??
      {
        turns: new Turns({ most: 1, waiting: WAITING, rest: REST, clock }),
        until: undefined,
        sampling: false,
        reading: undefined,
      };
    heaps.set(profiler, watch);
    return watch;
  };
  /** While V8 samples what is allocated, live objects cannot be told from dead ones. */
  const sampled = (context: Context, profiler: Profiler) => {
    const { until = clock.now() } = watchOf(profiler);
    const state = "Could not read the heap: allocations are being sampled";
    return refuse(context, 503, state, (until - clock.now()) / 1000);
  };
  /** Reads the heap when it is this request's turn. */
  const reading = async (context: Context, profiler: Profiler, collect: boolean) => {
    const giveBack = await watchOf(profiler).turns.take(context.req.raw.signal);
    if (giveBack === undefined) {
      const state = "Could not read the heap: it is being read for others, ask again";
      return refuse(context, 503, state, REST);
    }
    const heap = watchOf(profiler);
    try {
      if (heap.sampling) return sampled(context, profiler);
      const read = profiler.heap(collect);
      heap.reading = read.then(() => {}, () => {});
      return await profileAnswer(context, "heap", await read);
    } finally {
      giveBack();
    }
  };
  /** Watches the heap for some time; of a process for one request at a time. */
  const watching = async (
    context: Context,
    profiler: Profiler,
    seconds: number,
    watch: () => Promise<Response>,
  ) => {
    const heap = watchOf(profiler);
    if (heap.until !== undefined) {
      const state = "Could not watch the heap: it is being watched for another request";
      return refuse(context, 503, state, (heap.until - clock.now()) / 1000);
    }
    heap.until = clock.now() + seconds * 1000;
    try {
      return await watch();
    } finally {
      heap.until = undefined;
    }
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
    const text = context.req.query("seconds");
    if (text === undefined) {
      if (watchOf(profiler).sampling) return sampled(context, profiler);
      return await reading(context, profiler, (Number(context.req.query("gc")) || 0) > 0);
    }
    const seconds = positive(text);
    if (seconds === undefined) return notPositive(context);
    if (seconds > profileSeconds) return tooLong(context);
    return await watching(context, profiler, seconds, async () => {
      const change = await profiler.heapChange(seconds, context.req.raw.signal);
      return await profileAnswer(context, "heap-delta", change);
    });
  };
  const takeAllocs = async (context: Context, profiler: Profiler) => {
    const text = context.req.query("seconds");
    const seconds = text === undefined ? Math.min(ALLOCS_SECONDS, growing) : positive(text);
    if (seconds === undefined) return notPositive(context);
    if (seconds > growing) return tooLong(context, growing);
    return await watching(context, profiler, seconds, async () => {
      const heap = watchOf(profiler);
      heap.sampling = true;
      try {
        // V8 begins anew, but not under who reads at this moment.
        await heap.reading;
        const allocations = await profiler.allocations(seconds, context.req.raw.signal);
        return await profileAnswer(context, "allocs", allocations);
      } finally {
        heap.sampling = false;
      }
    });
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
