import assert from "node:assert/strict";
import * as v from "valibot";
import { LIMITS, PluginMessageSchema } from "./wire.ts";

/** Every message of wire version 1, frozen: a plugin of today must be understood for ever. */
const FROZEN: readonly unknown[] = [
  {
    type: "welcome",
    manifest: {
      kind: "proxier",
      name: "hello",
      version: "0.1.0",
      api: 1,
      requires: { nft: { version: 1, table: "hello" } },
      uses: {},
    },
  },
  { type: "refuse", reason: "plugin speaks api 2" },
  { type: "ack", id: 1 },
  { type: "return", id: 1, value: null },
  { type: "return", id: 2, value: [{ at: "a", match: "b", outcome: "c" }] },
  { type: "throw", id: 1, error: { code: "", message: "boom", stack: "Error: boom" } },
  { type: "pong", id: 1 },
  { type: "invoke", id: 1, call: 1, capability: "nft", method: "commit", params: { messages: 1 } },
  { type: "log", level: "info", message: "m", fields: { text: "t", number: 1, truth: true } },
  { type: "metric", kind: "counter", name: "moves_total", value: 1, labels: { family: "IPv4" } },
];

for (const message of FROZEN) {
  const json = JSON.stringify(message);
  Deno.test(`the message ${json.slice(0, 60)} is understood`, () => {
    assert.deepEqual(v.parse(PluginMessageSchema, JSON.parse(json)), message);
  });
}

const REFUSED: readonly (readonly [string, unknown])[] = [
  ["an unknown type", { type: "exec" }],
  ["an unknown field", { type: "ack", id: 1, more: 1 }],
  ["a missing field", { type: "ack" }],
  ["an id of 0", { type: "ack", id: 0 }],
  ["an id that is no integer", { type: "ack", id: 1.5 }],
  ["an id that is text", { type: "ack", id: "1" }],
  ["a list", []],
  ["null", null],
  ["a log level that does not exist", { type: "log", level: "fatal", message: "", fields: {} }],
  ["a log message of 8 KiB and more", {
    type: "log",
    level: "info",
    message: "x".repeat(8193),
    fields: {},
  }],
  ["a log field that is an object", {
    type: "log",
    level: "info",
    message: "",
    fields: { a: { b: 1 } },
  }],
  ["33 log fields", {
    type: "log",
    level: "info",
    message: "",
    fields: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`f${index}`, 1])),
  }],
  ["a metric whose name Prometheus would not take", {
    type: "metric",
    kind: "gauge",
    name: "a-b",
    value: 1,
    labels: {},
  }],
  ["a metric with five labels", {
    type: "metric",
    kind: "gauge",
    name: "a",
    value: 1,
    labels: { a: "", b: "", c: "", d: "", e: "" },
  }],
];

for (const [what, message] of REFUSED) {
  Deno.test(`a message with ${what} is refused`, () => {
    assert.equal(v.is(PluginMessageSchema, message), false);
  });
}

Deno.test("the limits fit into each other", () => {
  assert.ok(LIMITS.pluginHeaderBytes <= LIMITS.pluginFrameBytes);
  assert.ok(LIMITS.pluginFrameBytes <= LIMITS.bytesBurst, "one whole frame must be allowed");
  assert.ok(LIMITS.ackMs < LIMITS.busyMs);
  assert.ok(LIMITS.heapMib * 1024 * 1024 < LIMITS.memoryBytes);
});
