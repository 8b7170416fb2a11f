import assert from "node:assert/strict";
import {
  completeOutcomes,
  countOutcomes,
  exitCode,
  type Outcome,
  readJunit,
  summarise,
} from "./outcome.ts";

/** As Deno 2.9.6 wrote it. */
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="7" failures="3" errors="0" time="10.676">
    <testsuite name="./x_test.ts" tests="6" disabled="2" errors="0" failures="3">
        <testcase name="passes a &quot;&lt;b&gt;&quot; &amp;lt;" classname="./x_test.ts" time="0.001" line="2" col="6">
        </testcase>
        <testcase name="fails" classname="./x_test.ts" time="0.003" line="3" col="6">
            <failure message="Uncaught AssertionError: 1 &gt; 2

more">AssertionError</failure>
        </testcase>
        <testcase name="ignored" classname="./x_test.ts" time="0.000" line="4" col="6">
            <skipped/>
        </testcase>
        <testcase name="steps" classname="./x_test.ts" time="0.005" line="5" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="steps &gt; one" classname="./x_test.ts" time="0.000" line="5" col="48">
        </testcase>
        <testcase name="steps &gt; two" classname="./x_test.ts" time="0.000" line="5" col="84">
            <failure message="Uncaught Error: no">Error: no</failure>
        </testcase>
        <testcase name="after" classname="./x_test.ts" time="0.000" line="6" col="6">
            <error message="Cancelled"/>
        </testcase>
    </testsuite>
</testsuites>
`;

Deno.test("a report is read test by test, steps in place of the test that holds them", () => {
  const file = "x_test.ts";
  assert.deepEqual(readJunit(REPORT), [
    { file, test: 'passes a "<b>" &lt;', result: "passed", reason: "" },
    { file, test: "fails", result: "failed", reason: "Uncaught AssertionError: 1 > 2" },
    { file, test: "ignored", result: "skipped", reason: "the test says ignore" },
    { file, test: "steps > one", result: "passed", reason: "" },
    { file, test: "steps > two", result: "failed", reason: "Uncaught Error: no" },
    { file, test: "after", result: "failed", reason: "Cancelled" },
  ]);
});

const passed: Outcome = { file: "a_test.ts", test: "a", result: "passed", reason: "" };
const skipped: Outcome = { file: "b_test.ts", test: "b", result: "skipped", reason: "no nft" };
const failed: Outcome = { file: "c_test.ts", test: "c", result: "failed", reason: "1 !== 2" };

Deno.test("a file without a result counts as failed, with the reason of the run's end", () => {
  const all = completeOutcomes("kernel", ["a_test.ts", "b_test.ts"], [passed], "killed by SIGKILL");
  assert.deepEqual(all.slice(1), [{
    file: "b_test.ts",
    test: "(whole file)",
    result: "failed",
    reason: "killed by SIGKILL",
  }]);
});

Deno.test("a run that ends badly without naming a test fails all the same", () => {
  const all = completeOutcomes("kernel", ["a_test.ts"], [passed], 1);
  assert.deepEqual(countOutcomes(all), { passed: 1, failed: 1, skipped: 0 });
  assert.equal(all[1]?.file, "kernel");
  assert.deepEqual(completeOutcomes("kernel", ["a_test.ts"], [passed], 0), [passed]);
  assert.deepEqual(completeOutcomes("kernel", ["c_test.ts"], [failed], 1), [failed]);
});

Deno.test("the summary names what failed and what was skipped and ends with the totals", () => {
  assert.deepEqual(summarise([passed, failed, skipped]), [
    "Skipped:",
    "  b_test.ts: b (no nft)",
    "",
    "Failed:",
    "  c_test.ts: c (1 !== 2)",
    "",
    "1 passed, 1 failed, 1 skipped",
  ]);
  assert.deepEqual(summarise([passed]), ["1 passed, 0 failed, 0 skipped"]);
});

Deno.test("a failure fails the run; so does a skipped test in CI, and a run of nothing", () => {
  for (
    const [totals, strict, code] of [
      [{ passed: 3, failed: 0, skipped: 0 }, true, 0],
      [{ passed: 3, failed: 1, skipped: 0 }, false, 1],
      [{ passed: 3, failed: 0, skipped: 1 }, false, 0],
      [{ passed: 3, failed: 0, skipped: 1 }, true, 1],
      [{ passed: 0, failed: 0, skipped: 0 }, false, 1],
    ] as const
  ) assert.equal(exitCode(totals, strict), code, JSON.stringify(totals));
});
