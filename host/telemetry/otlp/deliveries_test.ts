import assert from "node:assert/strict";
import { createLog } from "../log.ts";
import { Deliveries } from "./deliveries.ts";

const MINUTE = 60_000;

Deno.test("a collector that comes and goes is told of once in ten minutes, however many times", () => {
  const lines: string[] = [];
  let now = 0;
  const log = createLog({
    now: () => now,
    gate: () => ({ verbosity: 0 }),
    write: ({ severity, message }) => lines.push(`${now / MINUTE} ${severity} ${message}`),
  });
  const counted = { sent: 0, failed: 0, rejected: 0, dropped: 0 };
  const deliveries = new Deliveries(
    log,
    "http://collector",
    (fate, spans) => counted[fate] += spans,
    () => now,
  );
  for (; now < 10 * MINUTE; now += MINUTE / 2) {
    deliveries.failed(1, new Error("away"));
    deliveries.sent(1, undefined);
  }
  assert.deepEqual(lines, [
    '0 warning Cannot send traces to "http://collector": away',
    "0 info Sending traces again",
  ]);
  // An outage that lasts is told of when it is time again, and its end.
  now = 9.5 * MINUTE;
  for (; now < 30 * MINUTE; now += MINUTE / 2) deliveries.failed(1, new Error("away"));
  deliveries.sent(1, undefined);
  assert.deepEqual(lines.slice(2), [
    '10 warning Cannot send traces to "http://collector": away',
    "30 info Sending traces again",
  ]);
  assert.deepEqual(counted, { sent: 21, failed: 61, rejected: 0, dropped: 0 });
});
