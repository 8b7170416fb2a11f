import assert from "node:assert/strict";
import { formatDuration, milliseconds, parseDuration } from "./duration.ts";

// Text, nanoseconds, and the text that Go's String makes of them.
const durations: readonly (readonly [string, bigint, string])[] = [
  ["0", 0n, "0s"],
  ["-0", 0n, "0s"],
  ["0s", 0n, "0s"],
  ["30s", 30_000_000_000n, "30s"],
  ["+5s", 5_000_000_000n, "5s"],
  ["-1s", -1_000_000_000n, "-1s"],
  ["1h", 3_600_000_000_000n, "1h0m0s"],
  ["15m0s", 900_000_000_000n, "15m0s"],
  ["24h0m0s", 86_400_000_000_000n, "24h0m0s"],
  ["1.5h", 5_400_000_000_000n, "1h30m0s"],
  ["1h1m1.5s", 3_661_500_000_000n, "1h1m1.5s"],
  ["250ms", 250_000_000n, "250ms"],
  [".5s", 500_000_000n, "500ms"],
  ["1.s", 1_000_000_000n, "1s"],
  ["1us", 1_000n, "1µs"],
  ["1.5µs", 1_500n, "1.5µs"],
  ["2μs", 2_000n, "2µs"],
  ["7ns", 7n, "7ns"],
  ["1.0000000019s", 1_000_000_001n, "1.000000001s"],
  ["60s", 60_000_000_000n, "1m0s"],
  ["1m1m", 120_000_000_000n, "2m0s"],
  ["9223372036854775807ns", 2n ** 63n - 1n, "2562047h47m16.854775807s"],
  ["-9223372036854775808ns", -(2n ** 63n), "-2562047h47m16.854775808s"],
];

for (const [text, nanoseconds, formatted] of durations) {
  Deno.test(`the duration ${text} is ${nanoseconds} ns and is written ${formatted}`, () => {
    assert.equal(parseDuration(text), nanoseconds);
    assert.equal(formatDuration(nanoseconds), formatted);
    assert.equal(parseDuration(formatted), nanoseconds);
  });
}

for (
  const text of [
    "",
    "-",
    "1",
    "1.5",
    "s",
    ".s",
    "1d",
    "1 s",
    "1s ",
    "--1s",
    "1e3s",
    "0x1s",
    "1s\n",
    `${"0".repeat(200)}s`,
  ]
) {
  Deno.test(`the duration ${JSON.stringify(text.slice(0, 9))} is refused`, () => {
    assert.match(String(parseDuration(text)), /^it is no duration such as 30s/);
  });
}

for (const text of ["9223372036854775808ns", "2562048h", "-9223372036854775809ns"]) {
  Deno.test(`the duration ${text} does not fit into Go's int64 and is refused`, () => {
    assert.match(String(parseDuration(text)), /292 years/);
  });
}

Deno.test("timers are told milliseconds, also below one", () => {
  assert.deepEqual([0n, 1_500_000n, 1_000n].map(milliseconds), [0, 1.5, 0.001]);
});
