/** Who may start, and when. */
import assert from "node:assert/strict";
import type { InstanceClaim } from "../capabilities/instance.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { becomeOnlyInstance, type SingleInstanceOptions } from "./single_instance.ts";

const CLAIMED: InstanceClaim = { type: "claimed", release: () => {} };
const HELD: InstanceClaim = { type: "held", pid: 4711 };

function start(
  claim: () => InstanceClaim,
  action: SingleInstanceOptions["action"] = "start weir",
  signal = new AbortController().signal,
) {
  const clock = new SimulatedClock();
  const lines: string[] = [];
  const say = (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log = { debug: say, info: say, warn: say, error: say };
  const outcome = becomeOnlyInstance({ action, claim, clock, log, signal });
  outcome.catch(() => {});
  return { clock, lines, outcome };
}

Deno.test("the only weir starts at once and says nothing", async () => {
  const { outcome, lines } = start(() => CLAIMED);
  assert.equal(await outcome, "only");
  assert.deepEqual(lines, []);
});

Deno.test("a weir that is started while the last one still ends waits for it, said once", async () => {
  const answers = [...Array<InstanceClaim>(15).fill(HELD), CLAIMED];
  const { outcome, lines, clock } = start(() => answers.shift() ?? CLAIMED);
  await clock.advance(1_500);
  assert.equal(await outcome, "only");
  assert.deepEqual(lines, ['Waiting for another weir to end {"holder":4711}']);
});

for (
  const [action, pid, message] of [
    [
      "start weir",
      4711,
      'Cannot start weir "in this network namespace": process 4711 is a weir that works here; ' +
      "stop it first, or give this one a network namespace of its own",
    ],
    [
      "clean up",
      undefined,
      'Cannot clean up "in this network namespace": another process is a weir that works here; ' +
      "stop it first, or only look with --dry-run",
    ],
  ] as const
) {
  Deno.test(`who would ${action} beside a weir that stays is refused after 5 s`, async () => {
    const { outcome, clock } = start(() => ({ type: "held", pid }), action);
    let settled = false;
    outcome.catch(() => settled = true);
    await clock.advance(4_900);
    assert.equal(settled, false);
    await clock.advance(200);
    await assert.rejects(outcome, { code: "WEIR_RUNNING", message });
  });
}

Deno.test("a process of another user that holds the name keeps weir from nothing", async () => {
  const { outcome, lines } = start(() => ({ type: "squatted", pid: 7, uid: 1000 }));
  assert.equal(await outcome, "only");
  assert.match(lines[0] ?? "", /a second weir would not be noticed \{"holder":7,"uid":1000\}/);
});

Deno.test("weir that is stopped while it waits is not in the way", async () => {
  const controller = new AbortController();
  const { outcome } = start(() => HELD, "start weir", controller.signal);
  controller.abort();
  assert.equal(await outcome, "aborted");
});
