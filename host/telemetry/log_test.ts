import assert from "node:assert/strict";
import { moduleLevels } from "./klog/vmodule.ts";
import { createLog, type LogGate, type LogRecord } from "./log.ts";

/** Local time, as klog writes it. */
const AT = new Date(2026, 10, 23, 2, 4, 8, 5).getTime() + 0.6785;

function recordingLog(gate: () => LogGate = () => ({ verbosity: 0 })) {
  const records: LogRecord[] = [];
  const log = createLog({ now: () => AT, gate, write: (record) => records.push(record) });
  const messages = () => records.splice(0).map((record) => record.message);
  return { log, records, messages };
}

Deno.test("a record is handed on before the call returns, with time, severity and fields", () => {
  const { log, records } = recordingLog();
  log.info("Synced", { revision: 7 });
  log.warn("Slow");
  log.error("Sync failed", { err: "no route" });
  assert.deepEqual(
    records.map(({ site: _, ...record }) => record),
    [
      { time: AT, severity: "info", level: 0, message: "Synced", fields: { revision: 7 } },
      { time: AT, severity: "warning", level: 0, message: "Slow", fields: {} },
      {
        time: AT,
        severity: "error",
        level: 0,
        message: "Sync failed",
        fields: { err: "no route" },
      },
    ],
  );
});

Deno.test("a context's fields come first, and the line's own win", () => {
  const { log, records } = recordingLog();
  log.with({ plugin: "a", revision: 1 }).with({ call: "apply" }).info("Done", { revision: 2 });
  const [record] = records;
  assert.deepEqual(Object.entries(record?.fields ?? {}), [
    ["plugin", "a"],
    ["revision", 2],
    ["call", "apply"],
  ]);
});

Deno.test("no field passes for what the log says itself, and braces are only text", () => {
  const { log, records } = recordingLog();
  log.with({ "weir.origin": { severity: "error" } }).info("{a} and {weir.origin}", {
    a: 1,
    "weir.origin": { level: 9 },
  });
  const [record] = records;
  assert.equal(record?.severity, "info");
  assert.equal(record?.level, 0);
  assert.equal(record?.message, "{a} and {weir.origin}");
  assert.deepEqual(record?.fields, { a: 1 });
});

Deno.test("levels show from their -v on, and -v may change while weir runs", () => {
  let verbosity = 0;
  const { log, messages } = recordingLog(() => ({ verbosity }));
  const all = () => {
    log.v(0, "zero");
    log.v(2, "two");
    log.debug("four");
    return messages();
  };
  assert.deepEqual(all(), ["zero"]);
  verbosity = 2;
  assert.deepEqual(all(), ["zero", "two"]);
  assert.equal(log.enabled(4), false);
  verbosity = 4;
  assert.deepEqual(all(), ["zero", "two", "four"]);
  assert.equal(log.with({ a: 1 }).enabled(4), true);
});

Deno.test("--vmodule lets the lines of a file show beyond -v, and those of no other", () => {
  let modules = moduleLevels([{ filePattern: "log_test", verbosity: 4 }]);
  const { log, messages } = recordingLog(() => ({ verbosity: 1, modules }));
  const all = () => {
    log.v(1, "one");
    log.v(3, "three");
    log.with({ a: 1 }).debug("four");
    log.v(5, "five");
    return [...messages(), log.enabled(3), log.enabled(5)];
  };
  assert.deepEqual(all(), ["one", "three", "four", true, false]);
  // Again, from what is remembered of each place.
  assert.deepEqual(all(), ["one", "three", "four", true, false]);
  modules = moduleLevels([{ filePattern: "sync", verbosity: 9 }]);
  assert.deepEqual(all(), ["one", false, false]);
});

Deno.test("the place is that of whoever logged, through a context too", () => {
  const { log, records } = recordingLog(() => ({ verbosity: 9 }));
  log.info("a");
  log.with({ a: 1 }).debug("b");
  log.v(1, "c");
  const [first, second, third] = records.map((record) => record.site);
  assert.match(first?.path ?? "", /^file:.*\/host\/telemetry\/log_test\.ts$/);
  const line = first?.line ?? 0;
  assert.ok(line > 0);
  assert.deepEqual([second?.line, third?.line], [line + 1, line + 2]);
});

Deno.test("a place of --log_backtrace_at tells how it was reached, and no other does", () => {
  let line = 0;
  const gate = () => ({ verbosity: 0, backtraceAt: [{ file: "log_test.ts", line }] });
  const { log, records } = recordingLog(gate);
  function outer() {
    for (const message of ["a", "b"]) log.info(message);
    log.info("c");
  }
  outer();
  line = records[0]?.site.line ?? 0;
  outer();
  const stacks = records.map((record) => record.stack);
  assert.deepEqual(stacks.map((stack) => stack !== undefined), [
    false,
    false,
    false,
    true,
    true,
    false,
  ]);
  assert.match(stacks[3]?.[0] ?? "", /^at outer \(file:.*\/log_test\.ts:\d+:\d+\)$/);
});

Deno.test("who takes the records may fail without a word to who logs", () => {
  const log = createLog({
    now: () => AT,
    gate: () => ({ verbosity: 0 }),
    write: () => {
      throw new Error("broken pipe");
    },
  });
  log.error("heard by nobody");
});

Deno.test("two logs do not hear each other", () => {
  const one = recordingLog();
  const other = recordingLog(() => ({ verbosity: 4 }));
  one.log.info("one");
  one.log.debug("hidden");
  other.log.debug("other");
  assert.deepEqual([one.messages(), other.messages()], [["one"], ["other"]]);
});
