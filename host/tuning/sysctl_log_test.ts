import assert from "node:assert/strict";
import { fakeSysctls } from "../../tests/kit/sysctl_fake.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { loggedSysctl } from "./sysctl_log.ts";

const UDP = "net.netfilter.nf_conntrack_udp_timeout";
const MAX = "net.netfilter.nf_conntrack_max";
const BUCKETS = "net.netfilter.nf_conntrack_buckets";
const NOTHING_CONFIGURED = { maxPerCore: 0, min: 0 };
const NOTHING = new Uint8Array(0);

Deno.test("what a plugin changes is logged by the host, as much as it may log itself", async () => {
  const clock = new SimulatedClock();
  const lines: string[] = [];
  const capability = loggedSysctl({ version: 1, keys: [UDP] }, {
    plugin: "tuner",
    log: { info: (message, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`) },
    limits: { logLinesPerSecond: 1, logLinesBurst: 2 },
    clock,
    conntrack: () => NOTHING_CONFIGURED,
    files: fakeSysctls({ [UDP]: 30 }).files,
  });
  const set = (value: number) => capability.invoke("set", { key: UDP, value }, NOTHING);
  for (const value of [30, 1, 2, 3, 4]) await set(value);
  await clock.advance(1_000);
  await set(5);
  const line = (before: number, value: number, rest = "") =>
    `Set sysctl {"plugin":"tuner","sysctl":"${UDP}","before":${before},"value":${value}${rest}}`;
  assert.deepEqual(lines, [line(30, 1), line(1, 2), line(4, 5, ',"untold":2')]);
});

Deno.test("how many entries a plugin may set follows the memory and the configuration in force", async () => {
  let configured = NOTHING_CONFIGURED;
  const sysctl = fakeSysctls({ [MAX]: 1, [BUCKETS]: 1 });
  const capability = loggedSysctl({ version: 1, keys: [MAX, BUCKETS] }, {
    plugin: "tuner",
    log: { info: () => {} },
    limits: { logLinesPerSecond: 1, logLinesBurst: 2 },
    clock: new SimulatedClock(),
    conntrack: () => configured,
    files: sysctl.files,
    machine: () => ({ cpus: 2, memory: 2 ** 30 }),
  });
  const set = (key: typeof MAX | typeof BUCKETS, value: number) =>
    capability.invoke("set", { key, value }, NOTHING);
  const most = Math.floor(2 ** 30 / 2 / 384);
  for (const key of [MAX, BUCKETS] as const) {
    await assert.rejects(set(key, most + 1), { code: "WEIR_SYSCTL" });
    await set(key, most);
  }
  configured = { maxPerCore: 1, min: 2 * most };
  for (const key of [MAX, BUCKETS] as const) {
    await set(key, 2 * most);
    await assert.rejects(set(key, 2 ** 31 - 1), { code: "WEIR_SYSCTL" });
  }
  assert.deepEqual(sysctl.writes.length, 4);
});
