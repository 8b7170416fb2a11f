import assert from "node:assert/strict";
import type { TopServices } from "../../schemas/insight.ts";
import type { CliIo } from "./cli.ts";
import { parseCommand } from "./command.ts";
import { TOP } from "./specs.ts";
import { topCommand, topRows } from "./top.ts";

function answer(at: number, ...services: TopServices["services"][number][]): TopServices {
  const counted = services.some(({ connections }) => connections !== undefined);
  return { kind: "TopServices", at, counted, services };
}

const web = { namespace: "default", name: "web" };
const dns = { namespace: "kube-system", name: "dns" };
const BEFORE = answer(
  0,
  { ...web, tracked: 5, connections: 100, packets: 1000, bytes: 10_000 },
  { ...dns, tracked: 1, connections: 500, packets: 500, bytes: 5_000 },
);
const NOW = answer(
  2_000,
  { ...web, tracked: 6, connections: 110, packets: 1200, bytes: 10_400 },
  { ...dns, tracked: 2, connections: 700, packets: 700, bytes: 7_000 },
);

Deno.test("Services are sorted by tracked connections, or by new ones per second", () => {
  const rows = topRows(NOW, BEFORE, "connections");
  assert.deepEqual(rows.map(({ service, rate }) => [service, rate]), [
    ["default/web", 5],
    ["kube-system/dns", 100],
  ]);
  assert.equal(topRows(NOW, BEFORE, "rate")[0]?.service, "kube-system/dns");
});

Deno.test("a count that fell has begun anew, and who is new had nothing", () => {
  const anew = answer(2_000, { ...web, tracked: 6, connections: 10, packets: 4, bytes: 40 });
  assert.equal(topRows(anew, BEFORE, "rate")[0]?.rate, 5);
  assert.equal(
    topRows(NOW, answer(0, { ...dns, tracked: 1, connections: 0 }), "connections")[0]?.rate,
    55,
  );
});

async function run(args: readonly string[], answers: TopServices[], terminal = false) {
  const out: string[] = [];
  const waits: number[] = [];
  const line = parseCommand(TOP, args);
  assert.ok(line !== "help");
  const io: CliIo = {
    stdout: (text) => out.push(text),
    stderr: () => {},
    terminal: { stdout: terminal, stderr: terminal },
    env: () => undefined,
    hostname: () => "",
    readText: () => Promise.reject(new Error("read")),
    writeText: () => Promise.reject(new Error("written")),
  };
  const code = await topCommand(line, io, {
    fetch: async () => {
      const next = answers.shift();
      if (next === undefined) throw new Error("Connection refused");
      return Response.json(next);
    },
    wait: async (milliseconds) => void waits.push(milliseconds),
  });
  return { code, out, waits };
}

Deno.test("without a terminal the table is shown once, with rates where they are counted", async () => {
  const { code, out, waits } = await run(["-n", "1", "--sort=rate"], [BEFORE, NOW]);
  assert.equal(code, 0);
  assert.deepEqual(waits, [1_000]);
  assert.equal(
    out.join(""),
    `SERVICE          TRACKED  TOTAL  CONN/S  PACKETS/S  BYTES/S
kube-system/dns        2    700     100        100     1.0k
and 1 more; -n shows more
`,
  );
});

Deno.test("without counters there are tracked connections, and the way to have rates", async () => {
  const { out } = await run([], [answer(0, { ...web, tracked: 3 })]);
  assert.match(out.join(""), /^SERVICE +TRACKED\ndefault\/web +3\n.*--per-service-metrics=N/);
  await assert.rejects(run(["--sort=rate"], [answer(0, { ...web, tracked: 3 })]), {
    code: "WEIR_CONFIG_INVALID",
  });
});

Deno.test("on a terminal it goes on until weir is gone", async () => {
  await assert.rejects(run([], [BEFORE, NOW], true), { code: "WEIR_UNREACHABLE" });
});
