import assert from "node:assert/strict";
import { fakeSysctls } from "../../tests/kit/sysctl_fake.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { loggedSysctl } from "./sysctl_log.ts";

const UDP = "net.netfilter.nf_conntrack_udp_timeout";
const NOTHING = new Uint8Array(0);

Deno.test("what a plugin changes is logged by the host, as much as it may log itself", async () => {
  const clock = new SimulatedClock();
  const lines: string[] = [];
  const capability = loggedSysctl({ version: 1, keys: [UDP] }, {
    plugin: "tuner",
    log: { info: (message, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`) },
    limits: { logLinesPerSecond: 1, logLinesBurst: 2 },
    clock,
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
