import assert from "node:assert/strict";
import { callSite } from "./call_site.ts";
import { klogFormat } from "./klog.ts";
import { createLog, type LogRecord, type LogSeverity } from "./log.ts";

/** Local time, as klog writes it. */
const AT = new Date(2026, 10, 23, 2, 4, 8, 5).getTime() + 0.6785;

function recordingLog(verbosity = () => 0) {
  const lines: string[] = [];
  const severities: LogSeverity[] = [];
  const log = createLog({
    now: () => AT,
    verbosity,
    format: klogFormat(12345),
    sink: (text, severity) => {
      lines.push(text);
      severities.push(severity);
    },
    callSite: () => "tracker.ts:123",
  });
  return { log, lines, severities };
}

Deno.test("a line is klog's: letter, date, time, pid, place, quoted message, fields", () => {
  const { log, lines, severities } = recordingLog();
  log.info("Synced", { revision: 7, service: "default/web", full: true });
  log.warn("Slow");
  log.error("Sync failed", { err: new Error("no route") });
  assert.deepEqual(lines, [
    'I1123 02:04:08.005678   12345 tracker.ts:123] "Synced" revision=7 service="default/web" full=true\n',
    'W1123 02:04:08.005678   12345 tracker.ts:123] "Slow"\n',
    'E1123 02:04:08.005678   12345 tracker.ts:123] "Sync failed" err="no route"\n',
  ]);
  assert.deepEqual(severities, ["info", "warning", "error"]);
});

Deno.test("a context's fields come first, and the line's own win", () => {
  const { log, lines } = recordingLog();
  log.with({ plugin: "a", revision: 1 }).with({ call: "apply" }).info("Done", { revision: 2 });
  assert.match(lines[0] ?? "", / "Done" plugin="a" revision=2 call="apply"\n$/);
});

Deno.test("levels show from their -v on, and -v may change while weir runs", () => {
  let verbosity = 0;
  const { log, lines } = recordingLog(() => verbosity);
  const all = () => {
    log.v(0, "zero");
    log.v(2, "two");
    log.debug("four");
    return lines.splice(0).map((line) => /"(\w+)"/.exec(line)?.[1]);
  };
  assert.deepEqual(all(), ["zero"]);
  verbosity = 2;
  assert.deepEqual(all(), ["zero", "two"]);
  assert.equal(log.enabled(4), false);
  verbosity = 4;
  assert.deepEqual(all(), ["zero", "two", "four"]);
  assert.equal(log.with({ a: 1 }).enabled(4), true);
});

const circle: { self?: unknown } = {};
circle.self = circle;

const values: readonly (readonly [string, unknown, string])[] = [
  ["a quote", 'say "hi"', '"say \\"hi\\""'],
  ["several lines", "one\ntwo", "<\n\tone\n\ttwo\n >"],
  ["null", null, "null"],
  ["undefined", undefined, "null"],
  ["a big integer", 12345678901234567890n, "12345678901234567890"],
  ["a list", ["a", 1], '["a",1]'],
  ["an object", { b: { c: [] } }, '{"b":{"c":[]}}'],
  ["a map", new Map([["a", 1n]]), '{"a":1}'],
  ["a set", new Set([1]), "[1]"],
  ["an error inside", { err: new Error("x") }, '{"err":"x"}'],
  ["an error of several lines", new Error("a\nb"), "<\n\ta\n\tb\n >"],
  ["a circle", circle, '"<Converting circular structure to JSON>"'],
];

for (const [what, value, text] of values) {
  Deno.test(`a field with ${what} is written as klog writes it`, () => {
    const { log, lines } = recordingLog();
    log.info("m", { k: value });
    assert.equal(lines[0]?.slice(lines[0].indexOf("k=") + 2), `${text}\n`);
  });
}

Deno.test("a key that would split a line is quoted, and a message keeps to its line", () => {
  const { log, lines } = recordingLog();
  log.info("a\nb", { "a b": 1, 'x="y"': 2 });
  assert.match(lines[0] ?? "", /\] "a\\nb" "a b"=1 "x=\\"y\\""=2\n$/);
});

Deno.test("the place is that of whoever logged, through a context too", () => {
  const sites: string[] = [];
  const log = createLog({
    now: () => AT,
    verbosity: () => 9,
    format: (record: LogRecord) => record.site,
    sink: (text) => sites.push(text),
    callSite,
  });
  log.info("a");
  log.with({ a: 1 }).debug("b");
  log.v(1, "c");
  const [first = "", second = "", third = ""] = sites;
  assert.match(first, /^log_test\.ts:\d+$/);
  const line = (site: string) => Number(site.split(":")[1]);
  assert.deepEqual([line(second), line(third)], [line(first) + 1, line(first) + 2]);
  assert.equal(callSite(undefined), "unknown:0");
});

Deno.test("finding the place leaves the stack traces of errors as long as they were", () => {
  const before = Error.stackTraceLimit;
  callSite(callSite);
  assert.equal(Error.stackTraceLimit, before);
});
