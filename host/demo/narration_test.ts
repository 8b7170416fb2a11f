import assert from "node:assert/strict";
import { visibleWidth } from "../cli/style.ts";
import type { StoryEvent } from "./message.ts";
import { bar, Narration } from "./narration.ts";

const by = (name: string, count: number) =>
  Array.from({ length: count }, () => ({ result: "answered", by: name, ms: 1 }) as const);

const TARGET = { protocol: "TCP", address: "fd00::1", port: 80 } as const;

const EVENTS: readonly StoryEvent[] = [
  { type: "built", ms: 123, pods: ["echo-1", "echo-2"] },
  { type: "programmed", ms: 900, services: ["echo", "empty"], endpoints: 1 },
  {
    type: "answered",
    ms: 1_234,
    service: "echo",
    each: 15,
    rows: [
      { from: "pod", target: TARGET, outcomes: [...by("echo-1", 10), ...by("echo-2", 5)] },
      {
        from: "node",
        target: TARGET,
        outcomes: [...by("echo-1", 14), { result: "refused", ms: 1 }],
      },
    ],
  },
  {
    type: "rejected",
    ms: 10,
    service: "empty",
    each: 2,
    rows: [{
      from: "pod",
      target: TARGET,
      outcomes: [{ result: "refused", ms: 0.25 }, { result: "silent", ms: 3_000 }],
    }],
  },
  { type: "scaling", service: "echo", perSecond: 200 },
  {
    type: "scaled",
    from: 2,
    to: 1,
    changes: [
      { pod: "echo-1", change: "leaves", afterMs: 41.6 },
      { pod: "echo-2", change: "leaves", afterMs: null },
      { pod: "echo-3", change: "joins", afterMs: 3.14 },
    ],
  },
  { type: "streamed", ms: 2_000, connections: 1_012, failures: 0 },
  { type: "finished", faults: ["a is wrong"] },
  { type: "broken", why: "weir ended", log: ["last words"] },
];

const PLAIN = `\
  1  Network      a node and 3 pods, each in a namespace, with IPv4 and IPv6              0.12 s
  2  weir         2 Services with 1 endpoint programmed from start to healthy             0.90 s
  3  Balance      Service echo: who answers 15 connections each?                          1.23 s
     from  to                echo-1          echo-2          failed
     pod   TCP [fd00::1]:80  ██████████  10  █████        5  0
     node  TCP [fd00::1]:80  ██████████  14               0  1
  4  Reject       Service empty has no endpoints: no client is left hanging               0.01 s
     from  to                rejected  slowest
     pod   TCP [fd00::1]:80  1 of 2     0.3 ms
  5  Scale        Service echo, under 200 connections/s, IPv4 and IPv6, TCP and UDP
     2 → 1  echo-1 is last asked after 42 ms
            echo-2 is never asked again
            echo-3 first answers after 3.1 ms
     1,012 connections, none failed  2.00 s
     ✗ a is wrong
     ✗ weir ended
     last words
`;

Deno.test("a pipe gets the story plain and lined up", () => {
  const narration = new Narration(false);
  assert.equal(EVENTS.map((event) => narration.tell(event)).join(""), PLAIN);
});

Deno.test("a terminal gets the same with colours, failures red", () => {
  const narration = new Narration(true);
  const text = EVENTS.map((event) => narration.tell(event)).join("");
  // deno-lint-ignore no-control-regex
  assert.equal(text.replace(/\x1b\[\d+m/g, ""), PLAIN);
  assert.ok(text.includes("\x1b[31m1 of 2\x1b[39m"));
  assert.ok(text.includes("\x1b[32mnone failed\x1b[39m"));
  assert.ok(PLAIN.split("\n").every((line) => visibleWidth(line) <= 100));
});

Deno.test("the verdict counts what went wrong", () => {
  const narration = new Narration(false);
  assert.equal(narration.verdict(0, 7_123), "\n  ✓ Every answer was right, in 7.1 s.\n");
  assert.equal(narration.verdict(1, 900), "\n  ✗ 1 thing went wrong, in 0.9 s.\n");
});

for (
  const [part, whole, drawn] of [
    [0, 10, "          "],
    [1, 1_000, "▏         "],
    [5, 10, "█████     "],
    [1, 16, "▋         "],
    [10, 10, "██████████"],
    [20, 10, "██████████"],
  ] as const
) {
  Deno.test(`${part} of ${whole} is drawn as "${drawn}"`, () => {
    assert.equal(bar(part, whole), drawn);
  });
}
