import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogRecord } from "../log.ts";
import { jsonFormat } from "./json.ts";

const RECORD: LogRecord = {
  time: 1795782956090.5,
  severity: "info",
  level: 2,
  message: "Synced",
  fields: {},
  site: { path: "file:///weir/host/tracker.ts", line: 123 },
};

const line = (record: Partial<LogRecord>) => jsonFormat()({ ...RECORD, ...record });

const lines: readonly (readonly [string, Partial<LogRecord>, string])[] = [
  [
    "news",
    { fields: { ns: "default", podnum: 2, big: 12345678901234567890n, none: undefined } },
    '{"ts":1795782956090.5,"caller":"host/tracker.ts:123","msg":"Synced","v":2,' +
    '"ns":"default","podnum":2,"big":12345678901234567890,"none":null}\n',
  ],
  [
    "a warning",
    { severity: "warning", level: 0 },
    '{"ts":1795782956090.5,"caller":"host/tracker.ts:123","msg":"Synced","v":0}\n',
  ],
  [
    "an error, which has no v",
    { severity: "error", level: 0, fields: { err: new Error("no\nroute"), plugin: "a" } },
    '{"ts":1795782956090.5,"caller":"host/tracker.ts:123","msg":"Synced",' +
    '"err":"no\\nroute","plugin":"a"}\n',
  ],
  [
    "a logger with a name",
    { fields: { logger: "resolver" } },
    '{"ts":1795782956090.5,"caller":"host/tracker.ts:123","msg":"Synced","v":2,' +
    '"logger":"resolver"}\n',
  ],
  [
    "a place of --log_backtrace_at",
    { stack: ["at a", "at b"] },
    '{"ts":1795782956090.5,"caller":"host/tracker.ts:123","msg":"Synced","v":2,' +
    '"stacktrace":"at a\\nat b"}\n',
  ],
];

for (const [what, record, text] of lines) {
  Deno.test(`the JSON of ${what} is component-base's`, () => {
    assert.equal(line(record), text);
    JSON.parse(text);
  });
}

Deno.test("a plugin's field by a name of the format's own does not stand in its place", () => {
  const fields = { ts: 1, caller: "forged.ts:1", msg: "forged", v: 9, stacktrace: "forged" };
  const read = JSON.parse(line({ fields }));
  assert.equal(read.msg, "Synced");
  assert.equal(read.caller, "host/tracker.ts:123");
  assert.equal(read.v, 2);
  assert.equal(read["field.msg"], "forged");
  assert.equal(read.stacktrace, undefined);
});

Deno.test("whatever is logged is one line that parses, with the message as it was", () => {
  fc.assert(fc.property(
    fc.string({ unit: "binary" }),
    fc.dictionary(fc.string(), fc.anything()),
    (message, fields) => {
      const written = line({ message, fields });
      assert.equal(written.indexOf("\n"), written.length - 1);
      const read = JSON.parse(written);
      assert.equal(read.msg, message);
      assert.equal(read.ts, RECORD.time);
    },
  ));
});
