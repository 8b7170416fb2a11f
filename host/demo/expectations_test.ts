import assert from "node:assert/strict";
import type { Sample } from "./agent.ts";
import {
  changesOf,
  faultsOfAnswers,
  faultsOfRejections,
  faultsOfStream,
  formatTarget,
  type Phase,
} from "./expectations.ts";
import type { Outcome } from "./message.ts";

const by = (name: string): Outcome => ({ result: "answered", by: name, ms: 1 });
const refused = (ms: number): Outcome => ({ result: "refused", ms });
const silent: Outcome = { result: "silent", ms: 3_000.4 };
const failed: Outcome = { result: "failed", why: "no route", ms: 1 };
const at = (startedAt: number, outcome: Outcome): Sample => ({ startedAt, outcome });

Deno.test("a target reads as in a URL", () => {
  assert.equal(formatTarget({ protocol: "TCP", address: "10.0.0.1", port: 80 }), "TCP 10.0.0.1:80");
  assert.equal(formatTarget({ protocol: "UDP", address: "fd00::1", port: 53 }), "UDP [fd00::1]:53");
});

for (
  const [sentence, outcomes, faults] of [
    ["all answers by the backends are right", [by("a"), by("b"), by("a")], []],
    ["a stranger's answer is wrong", [by("a"), by("b"), by("c")], ["x: c answered (1×)"]],
    ["an idle backend is wrong", [by("a"), by("a")], ["x: b never answered in 2 connections"]],
    ["a refusal, a silence and a failure are wrong, and counted", [
      by("a"),
      by("b"),
      refused(1),
      silent,
      failed,
      refused(2),
    ], ["x: it was refused (2×)", "x: nobody answered for 3000 ms (1×)", "x: no route (1×)"]],
    ["where nobody answers only the reason is told", [silent], [
      "x: nobody answered for 3000 ms (1×)",
    ]],
    ["no connection at all is wrong", [], [
      "x: a never answered in 0 connections",
      "x: b never answered in 0 connections",
    ]],
  ] as const
) {
  Deno.test(`of connections to two backends, ${sentence}`, () => {
    assert.deepEqual(faultsOfAnswers("x", outcomes, ["a", "b"]), faults);
  });
}

for (
  const [sentence, outcomes, faults] of [
    ["quick rejections are right", [refused(0.2), refused(499)], []],
    ["late ones are wrong", [refused(1), refused(1_028), refused(600)], [
      "x: 2 of 3 rejections took up to 1028 ms",
    ]],
    ["silence and answers are wrong", [silent, by("a"), refused(1)], [
      "x: nobody answered for 3000 ms (1×)",
      "x: a answered (1×)",
    ]],
    ["no connection at all is wrong", [], ["x: no connection was tried"]],
  ] as const
) {
  Deno.test(`of connections to nobody, ${sentence}`, () => {
    assert.deepEqual(faultsOfRejections("x", outcomes), faults);
  });
}

const UP: Phase = { at: 1_000, settledAt: 2_000, before: ["a"], after: ["a", "b"] };
const DOWN: Phase = { at: 3_000, settledAt: 4_000, before: ["a", "b"], after: ["b"] };
const RIGHT = [
  at(900, by("a")),
  at(1_050, by("a")),
  at(1_060, by("b")),
  at(2_500, by("a")),
  at(3_010, by("a")),
  at(3_020, by("b")),
  at(4_500, by("b")),
];

Deno.test("a pod that joins is told by its first answer, one that leaves by its last", () => {
  assert.deepEqual(changesOf(UP, RIGHT), [{ pod: "b", change: "joins", afterMs: 61 }]);
  assert.deepEqual(changesOf(DOWN, RIGHT), [{ pod: "a", change: "leaves", afterMs: 10 }]);
  assert.deepEqual(changesOf(DOWN, []), [{ pod: "a", change: "leaves", afterMs: null }]);
});

for (
  const [sentence, samples, faults] of [
    ["follows the scale is right", RIGHT, []],
    ["has a failure is wrong", [...RIGHT, at(1_500, refused(1))], [
      "while scaling: it was refused (1×)",
    ]],
    ["goes to a pod long after it left is wrong", [...RIGHT, at(4_001, by("a"))], [
      "scaled from 2 to 1: a answered late (1×)",
    ]],
    ["never sees who joined is wrong", RIGHT.filter(({ startedAt }) => startedAt !== 1_060), [
      "scaled from 1 to 2: b never answered",
    ]],
    ["has no connection is wrong", [], ["while scaling: no connection was made"]],
  ] as const
) {
  Deno.test(`a stream that ${sentence}`, () => {
    assert.deepEqual(faultsOfStream(samples, [UP, DOWN]), faults);
  });
}
