import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { openInspector } from "../profiles/inspector.ts";
import { Profiler } from "../profiles/profiler.ts";
import { hostNaming } from "../profiles/stack.ts";
import { Tasks } from "../profiles/tasks.ts";
import { pprofRoutes } from "./pprof.ts";

const home = new URL("../../", import.meta.url);

/** Keeps the processor busy; its name shows in the profile. */
function grindGrain(milliseconds: number): number {
  const until = performance.now() + milliseconds;
  let sum = 0;
  while (performance.now() < until) for (let at = 0; at < 1000; at++) sum += Math.sqrt(at + sum);
  return sum;
}

/** Makes objects; its name shows in the profile. */
function stackGrain(): object[] {
  const sacks: object[] = [];
  for (let at = 0; at < 300_000; at++) sacks.push({ at, grain: [at] });
  return sacks;
}

/** Makes a million objects of one size; its name shows in the profile. */
function countGrain(): object[] {
  const grains: object[] = [];
  for (let at = 0; at < 1_000_000; at++) grains.push({ at, next: at });
  return grains;
}

/** How many objects `go tool pprof -top` shows of a function: 4 % is the error of the samples. */
function assertMillion(shown: string, type: string): void {
  assert.match(shown, new RegExp(`^Type: ${type}$`, "m"));
  const [, flat = ""] = /^\s*(\d+)\s.*pprof_test\.countGrain$/m.exec(shown) ?? [];
  assert.ok(Math.abs(Number(flat) - 1_000_000) < 250_000, shown);
}

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly tasks: Tasks;
  readonly profiler: Profiler;
}

function serve(): Served {
  const tasks = new Tasks({ home, clock: systemClock });
  const profiler = (subject: string) =>
    new Profiler({
      subject,
      open: openInspector,
      naming: () => Promise.resolve(hostNaming(home)),
      clock: systemClock,
    });
  const host = profiler("weir");
  const app = pprofRoutes({
    subjects: {
      host,
      plugins: new Map([["proxier-nftables", profiler("proxier-nftables")]]),
      tasks: () =>
        tasks.profile([{
          name: "proxier-nftables",
          state: "ready",
          calls: [{ method: "apply", startedAt: systemClock.now() - 7000 }],
        }]),
    },
    commandLine: () => ["deno", "run", "mod.ts", "--profiling"],
    profileSeconds: 60,
    clock: systemClock,
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}/debug/pprof`,
    tasks,
    profiler: host,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** What `go tool pprof` prints. */
async function pprof(...args: string[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "weir-pprof-" });
  try {
    const { stdout, stderr } = await new Deno.Command("go", {
      args: ["tool", "pprof", ...args],
      clearEnv: true,
      env: { HOME: folder, PPROF_TMPDIR: folder, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function text(url: string, init?: RequestInit): Promise<string> {
  return await (await fetch(url, init)).text();
}

Deno.test("go tool pprof shows the function that was busy, and not the time that was waited", async () => {
  await using served = serve();
  const showing = pprof("-top", `${served.url}/profile?seconds=2`);
  const grinding = setInterval(() => grindGrain(60), 120);
  const shown = await showing;
  clearInterval(grinding);
  assert.match(shown, /^File: weir\nType: cpu$/m);
  assert.match(shown, /^Duration: 2(\.\d+)?s, Total samples = /m);
  assert.match(shown, /\d+%.*host\/routes\/pprof_test\.grindGrain$/m);
  assert.doesNotMatch(shown, /idle/);
  const names = served.profiler.last?.samples.flatMap(({ stack }) => stack.map(({ name }) => name));
  assert.ok(names?.includes("host/routes/pprof_test.grindGrain"), "it is kept for who draws it");
});

Deno.test("go tool pprof shows who keeps objects, and those who give them back no more", async () => {
  await using served = serve();
  await served.profiler.watchHeap();
  const sacks = stackGrain();
  const kept = await pprof("-top", `${served.url}/heap`);
  assert.match(kept, /^Type: inuse_space$/m);
  assert.match(kept, /host\/routes\/pprof_test\.stackGrain$/m);
  sacks.length = 0;
  assert.doesNotMatch(await pprof("-top", `${served.url}/heap?gc=1`), /stackGrain/);
});

Deno.test("go tool pprof shows who makes objects that do not live for long", async () => {
  await using served = serve();
  const showing = pprof("-top", `${served.url}/allocs?seconds=2`);
  const making = setInterval(stackGrain, 50);
  const shown = await showing;
  clearInterval(making);
  assert.match(shown, /^Type: alloc_space$/m);
  assert.match(shown, /host\/routes\/pprof_test\.stackGrain$/m);
});

Deno.test("go tool pprof counts objects, those that are kept and those that are made", async () => {
  await using served = serve();
  await served.profiler.watchHeap();
  const kept = countGrain();
  assertMillion(
    await pprof("-top", "-sample_index=inuse_objects", `${served.url}/heap`),
    "inuse_objects",
  );
  assert.equal(kept.length, 1_000_000);
  const showing = pprof("-top", "-sample_index=alloc_objects", `${served.url}/allocs?seconds=2`);
  setTimeout(countGrain, 1000);
  assertMillion(await showing, "alloc_objects");
});

Deno.test("a change of the heap is what has been made and is still there", async () => {
  await using served = serve();
  await served.profiler.watchHeap();
  const showing = pprof("-top", `${served.url}/heap?seconds=1`);
  const { promise, resolve } = Promise.withResolvers<object[]>();
  setTimeout(() => resolve(stackGrain()), 600);
  assert.match(await showing, /host\/routes\/pprof_test\.stackGrain$/m);
  assert.equal((await promise).length, 300_000);
});

Deno.test("go tool pprof shows what weir waits for: who asked the clock, and plugins", async () => {
  await using served = serve();
  const waitForTheMiller = () => served.tasks.clock.after(60_000, () => {});
  const cancel = waitForTheMiller();
  const shown = await pprof("-traces", `${served.url}/goroutine`);
  assert.match(shown, /pprof_test\.waitForTheMiller$/m);
  assert.match(shown, /ready\n\s+plugin proxier-nftables/);
  assert.match(shown, /for 70\d\d ms\n\s+call of apply\n\s+plugin proxier-nftables/);
  cancel();
  const people = await text(`${served.url}/goroutine?debug=1`);
  assert.match(people, /^goroutine profile: total 2 /);
  assert.doesNotMatch(people, /waitForTheMiller/);
});

Deno.test("a callback that was called is waited for no more, and has its line until then", async () => {
  await using served = serve();
  await new Promise<void>((resolve) => {
    const line = Number(/pprof_test\.ts:(\d+)/.exec(new Error().stack ?? "")?.[1]) + 1;
    served.tasks.clock.after(1, resolve);
    const [frame] = served.tasks.profile([]).samples[0]?.stack ?? [];
    const name = "host/routes/pprof_test.(anonymous)";
    assert.deepEqual(frame, { name, file: "host/routes/pprof_test.ts", line });
  });
  assert.deepEqual(served.tasks.profile([]).samples, []);
});

Deno.test("a trace is drawn over time, for Perfetto", async () => {
  await using served = serve();
  const grinding = setInterval(() => grindGrain(30), 60);
  const response = await fetch(`${served.url}/trace?seconds=0.5`);
  clearInterval(grinding);
  assert.equal(response.headers.get("content-type"), "application/json");
  const { traceEvents } = await response.json();
  const grinds = traceEvents.filter(({ name }: { name: string }) => /grindGrain$/.test(name));
  assert.ok(grinds.length >= 3, JSON.stringify(traceEvents).slice(0, 2000));
  for (const { ph, ts, dur } of grinds) {
    assert.equal(ph, "X");
    assert.ok(ts >= 0 && ts + dur < 1_500_000, `${ts} ${dur}`);
  }
});

Deno.test("a second CPU profile at the same time is refused in Go's words", async () => {
  await using served = serve();
  const first = fetch(`${served.url}/profile?seconds=1`);
  await new Promise((resume) => setTimeout(resume, 300));
  const second = await fetch(`${served.url}/profile?seconds=1`);
  assert.equal(second.status, 500);
  assert.equal(second.headers.get("x-go-pprof"), "1");
  assert.equal(
    await second.text(),
    "Could not enable CPU profiling: cpu profiling already in use\n",
  );
  const { status, headers, arrayBuffer } = await first.then(async (response) => ({
    status: response.status,
    headers: response.headers,
    arrayBuffer: await response.arrayBuffer(),
  }));
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/octet-stream");
  assert.equal(headers.get("content-disposition"), 'attachment; filename="profile"');
  // gzip's magic number.
  assert.deepEqual([...new Uint8Array(arrayBuffer).subarray(0, 2)], [0x1f, 0x8b]);
});

Deno.test("the heap is watched for one request at a time, and another is told when to ask again", async () => {
  await using served = serve();
  const first = fetch(`${served.url}/allocs?seconds=2`);
  while (!served.profiler.sampling) await new Promise((resume) => setTimeout(resume, 10));
  for (
    const [path, text] of [
      ["/allocs?seconds=1", "Could not watch the heap: it is being watched for another request\n"],
      ["/heap?seconds=1", "Could not watch the heap: it is being watched for another request\n"],
      ["/heap", "Could not read the heap: allocations are being sampled\n"],
    ] as const
  ) {
    const refused = await fetch(`${served.url}${path}`);
    assert.deepEqual([refused.status, await refused.text()], [503, text]);
    assert.match(refused.headers.get("retry-after") ?? "", /^[12]$/);
    assert.equal(refused.headers.get("x-go-pprof"), "1");
  }
  // Another process' heap is another one's.
  const other = await fetch(`${served.url}/heap?plugin=proxier-nftables`);
  assert.deepEqual([other.status, (await other.bytes())[0]], [200, 0x1f]);
  assert.equal((await first).status, 200);
  await (await first).body?.cancel();
  const after = await fetch(`${served.url}/heap`);
  assert.deepEqual([after.status, (await after.bytes())[0]], [200, 0x1f]);
});

Deno.test("of many who read the heap at once three are answered, and the others told to ask again", async () => {
  await using served = serve();
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => fetch(`${served.url}/heap?gc=1`)),
  );
  const statuses = answers.map(({ status }) => status).toSorted();
  for (const answer of answers) {
    const body = await answer.text();
    if (answer.status !== 503) continue;
    assert.equal(body, "Could not read the heap: it is being read for others, ask again\n");
    assert.equal(answer.headers.get("retry-after"), "4");
  }
  assert.deepEqual(statuses.slice(0, 3), [200, 200, 200]);
  assert.equal(statuses[3], 503);
});

Deno.test("a client that goes away ends its profile", async () => {
  await using served = serve();
  const going = new AbortController();
  const gone = assert.rejects(
    fetch(`${served.url}/profile?seconds=50`, { signal: going.signal }),
    { name: "AbortError" },
  );
  await new Promise((resume) => setTimeout(resume, 300));
  assert.equal(served.profiler.recording, true);
  going.abort();
  await gone;
  for (let look = 0; look < 100 && served.profiler.recording; look++) {
    await new Promise((resume) => setTimeout(resume, 20));
  }
  assert.equal(served.profiler.recording, false);
});

const REFUSED: readonly (readonly [string, number, RegExp])[] = [
  ["/profile?seconds=61", 400, /^profile duration exceeds the limit of 60 seconds$/],
  ["/trace?seconds=31", 400, /^profile duration exceeds the limit of 30 seconds$/],
  ["/allocs?seconds=31", 400, /^profile duration exceeds the limit of 30 seconds$/],
  ["/heap?seconds=0", 400, /^invalid value for "seconds" - must be a positive integer$/],
  ["/allocs?seconds=x", 400, /^invalid value for "seconds" - must be a positive integer$/],
  ["/mutex", 404, /^Unknown profile$/],
  ["/heap?plugin=none", 404, /^Cannot profile plugin "none": there are proxier-nftables$/],
];

for (const [path, status, body] of REFUSED) {
  Deno.test(`${path} is refused with ${status}`, async () => {
    await using served = serve();
    const response = await fetch(`${served.url}${path}`);
    assert.equal(response.status, status);
    assert.equal(response.headers.get("x-go-pprof"), "1");
    assert.match((await response.text()).trim(), body);
  });
}

Deno.test("the index lists what there is, for the host and each plugin", async () => {
  await using served = serve();
  const response = await fetch(served.url);
  assert.match(response.url, /\/debug\/pprof\/$/);
  const page = await response.text();
  for (const name of ["allocs", "cmdline", "goroutine", "heap", "profile", "trace"]) {
    assert.ok(page.includes(`<a href="${name}">`), name);
  }
  assert.ok(page.includes('<a href="heap?plugin=proxier-nftables">'));
});

Deno.test("the command line is parted by NUL, and symbols exist", async () => {
  await using served = serve();
  assert.equal(await text(`${served.url}/cmdline`), "deno\0run\0mod.ts\0--profiling");
  assert.equal(await text(`${served.url}/symbol`), "num_symbols: 1\n");
  assert.equal(
    await text(`${served.url}/symbol`, { method: "POST", body: "0x1+0x2" }),
    "num_symbols: 1\n",
  );
});
