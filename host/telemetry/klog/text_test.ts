import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogRecord } from "../log.ts";
import { textFormat } from "./text.ts";

const RECORD: LogRecord = {
  // Local time, as klog writes it.
  time: new Date(2026, 10, 23, 2, 4, 8, 5).getTime() + 0.6785,
  severity: "info",
  level: 0,
  message: "Synced",
  fields: {},
  site: { path: "file:///weir/host/tracker.ts", line: 123 },
};

const HEADERS = { addDirHeader: false, skipHeaders: false };

function line(record: Partial<LogRecord>, options = HEADERS): string {
  return textFormat(12345, options)({ ...RECORD, ...record });
}

const fields = { revision: 7, service: "default/web", full: true };

const lines: readonly (readonly [string, Partial<LogRecord>, Partial<typeof HEADERS>, string])[] = [
  [
    "news",
    { fields },
    {},
    'I1123 02:04:08.005678   12345 tracker.ts:123] "Synced" revision=7 service="default/web" full=true\n',
  ],
  [
    "a warning",
    { severity: "warning" },
    {},
    'W1123 02:04:08.005678   12345 tracker.ts:123] "Synced"\n',
  ],
  [
    "an error",
    { severity: "error", fields: { err: new Error("no route") } },
    {},
    'E1123 02:04:08.005678   12345 tracker.ts:123] "Synced" err="no route"\n',
  ],
  [
    "news with --add-dir-header",
    {},
    { addDirHeader: true },
    'I1123 02:04:08.005678   12345 host/tracker.ts:123] "Synced"\n',
  ],
  [
    "news with --skip-headers",
    { fields },
    { skipHeaders: true },
    '"Synced" revision=7 ' +
    'service="default/web" full=true\n',
  ],
  [
    "news of --log_backtrace_at",
    { stack: ["at a (file:///a.ts:1:2)", "at b"] },
    {},
    'I1123 02:04:08.005678   12345 tracker.ts:123] "Synced"\n\tat a (file:///a.ts:1:2)\n\tat b\n',
  ],
];

for (const [what, record, options, text] of lines) {
  Deno.test(`the line of ${what} is klog's`, () => {
    assert.equal(line(record, { ...HEADERS, ...options }), text);
  });
}

const circle: { self?: unknown } = {};
circle.self = circle;

const values: readonly (readonly [string, unknown, string])[] = [
  ["a quote", 'say "hi"', '"say \\"hi\\""'],
  ["several lines", "one\ntwo", "<\n\tone\n\ttwo\n >"],
  ["a line feed at the end", "one\ntwo\n", "<\n\tone\n\ttwo\n >"],
  [
    "lines that would forge one",
    "one\rI1123\n\u001b[2KI1123",
    "<\n\tone\\rI1123\n\t\\x1b[2KI1123\n >",
  ],
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
    const written = line({ fields: { k: value } });
    assert.equal(written.slice(written.indexOf("k=") + 2), `${text}\n`);
  });
}

Deno.test("a key that would split a line is quoted, and a message keeps to its line", () => {
  assert.match(
    line({ message: "a\nb", fields: { "a b": 1, 'x="y"': 2, "\u001b": 3 } }),
    /\] "a\\nb" "a b"=1 "x=\\"y\\""=2 "\\x1b"=3\n$/,
  );
});

/** Text with what could move a cursor or begin a line, more often than chance has it. */
const hostile = fc.array(
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\n", "\r", "\u001b[2K", "\u0085", "\u2028", "\u202e", "\ud800", "=", '"'),
    fc.constant("\nE1123 02:04:08.005678   12345 main.ts:1] "),
  ),
).map((parts) => parts.join(""));

Deno.test("no message, key or value begins a line or moves a cursor", () => {
  fc.assert(fc.property(
    hostile,
    fc.dictionary(hostile, fc.oneof(hostile, fc.array(hostile), fc.anything())),
    (message, fields) => {
      const written = line({ message, fields });
      assert.ok(written.endsWith("\n"));
      const [first = "", ...others] = written.slice(0, -1).split("\n");
      assert.match(first, /^I1123 02:04:08\.005678 {3}12345 tracker\.ts:123\] "/);
      for (const other of others) assert.match(other, /^(\t| >)/);
      assert.doesNotMatch(written, /[^\P{C}\t\n]|[\u2028\u2029]/u);
    },
  ));
});
