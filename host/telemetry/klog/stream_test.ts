import assert from "node:assert/strict";
import type { LogSeverity } from "../log.ts";
import { logStreams } from "./stream.ts";

const SEVERITIES: readonly LogSeverity[] = ["info", "warning", "error"];

function written(format: "text" | "json", splitStream: boolean, infoBufferSize = 0) {
  const wrote: string[] = [];
  const streams = logStreams(
    { splitStream, infoBufferSize },
    format,
    (text) => wrote.push(`stdout ${text}`),
    (text) => wrote.push(`stderr ${text}`),
  );
  return { streams, wrote: () => wrote.splice(0) };
}

const routes: readonly (readonly ["text" | "json", boolean, readonly string[]])[] = [
  ["text", false, ["stderr info", "stderr warning", "stderr error"]],
  ["json", false, ["stderr info", "stderr warning", "stderr error"]],
  ["text", true, ["stdout info", "stderr warning", "stderr error"]],
  ["json", true, ["stdout info", "stdout warning", "stderr error"]],
];

for (const [format, split, expected] of routes) {
  Deno.test(`${format} goes ${split ? "to both streams" : "to stderr"} line by line`, () => {
    const { streams, wrote } = written(format, split);
    for (const severity of SEVERITIES) assert.equal(streams.write(severity, severity), false);
    assert.deepEqual(wrote(), expected);
  });
}

Deno.test("news waits until the buffer is full, an error comes, or it is flushed", () => {
  const { streams, wrote } = written("json", true, 6);
  assert.equal(streams.write("ab\n", "info"), true);
  assert.equal(streams.write("ü\n", "warning"), true);
  assert.deepEqual(wrote(), []);
  streams.write("c\n", "info");
  assert.deepEqual(wrote(), ["stdout ab\nü\n"], "the third does not fit into six bytes");
  streams.write("bad\n", "error");
  assert.deepEqual(wrote(), ["stdout c\n", "stderr bad\n"]);
  streams.write("d\n", "info");
  streams.flush();
  streams.flush();
  assert.deepEqual(wrote(), ["stdout d\n"]);
});

Deno.test("a line longer than the buffer is written at once, behind those before it", () => {
  const { streams, wrote } = written("text", true, 4);
  streams.write("a\n", "info");
  assert.equal(streams.write("longer\n", "info"), false);
  assert.deepEqual(wrote(), ["stdout a\n", "stdout longer\n"]);
});
