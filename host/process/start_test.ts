/** What a process finds out before it proxies. */
import assert from "node:assert/strict";
import { SimulatedClock } from "../simulated_clock.ts";
import { createLog } from "../telemetry/log.ts";
import { beginProcess, type StartConfig, type StartEffects } from "./start.ts";

const CONFIG: StartConfig = {
  mode: { type: "builtin", name: "nftables" },
  oomScoreAdj: -999,
  bootIdFiles: ["/boot"],
  machineIdFiles: ["/nowhere", "/machine"],
};
const BOTH = { working: ["IPv4", "IPv6"], lacking: {} } as const;

function begin(config: Partial<StartConfig>, effects: Partial<StartEffects>) {
  const lines: string[] = [];
  const did: string[] = [];
  const started = beginProcess({ ...CONFIG, ...config }, {
    release: "6.18.44",
    skipKernelCheck: false,
    claim: () => {
      did.push("claim");
      return { type: "claimed", release: () => {} };
    },
    probe: ({ rules }) => {
      did.push(`probe ${rules ? "rules" : "packets"}`);
      return Promise.resolve(BOTH);
    },
    adjustOomScore: (score) => void did.push(`oom ${score}`),
    readFile: (path) => {
      if (path === "/nowhere") throw new Error("ENOENT");
      return `${path.slice(1)}-id\n`;
    },
    clock: new SimulatedClock(),
    log: createLog({
      now: () => 0,
      gate: () => ({ verbosity: 0 }),
      write: ({ severity, message, fields }) =>
        lines.push(`${severity} ${message} ${JSON.stringify(fields)}`),
    }),
    signal: new AbortController().signal,
    ...effects,
  });
  return { lines, did, started };
}

Deno.test("the machine is named, the namespace claimed, the score set and the kernel asked", async () => {
  const { lines, did, started } = begin({}, {});
  assert.equal((await started)?.families, BOTH);
  assert.deepEqual(did, ["claim", "oom -999", "probe rules"]);
  assert.deepEqual(lines, [
    'info On machine {"machineId":"machine-id","bootId":"boot-id","kernel":"6.18.44"}',
  ]);
});

Deno.test("a proxier from outside need not use nf_tables", async () => {
  const { did, started } = begin(
    { mode: { type: "plugin", name: "/x.ts", reference: "/x.ts" } },
    {},
  );
  await started;
  assert.equal(did.at(-1), "probe packets");
});

Deno.test("on a kernel that is too old nothing is claimed", async () => {
  const { did, started } = begin({}, { release: "4.19.0" });
  await assert.rejects(started, { code: "WEIR_KERNEL" });
  assert.deepEqual(did, []);
});

Deno.test("a score that cannot be set is a warning, not an end", async () => {
  const { lines, started } = begin({}, { adjustOomScore: () => "Cannot set it; do this" });
  assert.equal((await started)?.families, BOTH);
  assert.equal(lines[1], "warning Cannot set it; do this {}");
});

Deno.test("a kernel without one family serves the other, and it is said why", async () => {
  const support = { working: ["IPv4"], lacking: { IPv6: "it has none" } } as const;
  const { lines, started } = begin({}, { probe: () => Promise.resolve(support) });
  assert.equal((await started)?.families, support);
  assert.equal(
    lines[1],
    'info This kernel cannot serve an IP family {"family":"IPv6","reason":"it has none"}',
  );
});

Deno.test("a kernel without either family is the end, with both reasons", async () => {
  const lacking = { IPv4: "it has no nf_tables", IPv6: "it has no IPv6" };
  const { started } = begin({}, { probe: () => Promise.resolve({ working: [], lacking }) });
  await assert.rejects(started, {
    code: "WEIR_KERNEL",
    message: 'Cannot serve "IPv4" or "IPv6" on this kernel: it has no nf_tables; it has no IPv6',
  });
});
