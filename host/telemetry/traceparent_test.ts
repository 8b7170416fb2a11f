import assert from "node:assert/strict";
import { formatTraceparent, parseTraceparent } from "./traceparent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

Deno.test("a span's context goes over the wire and comes back remote", () => {
  const text = formatTraceparent({ traceId: TRACE, spanId: SPAN, traceFlags: 1 });
  assert.equal(text, `00-${TRACE}-${SPAN}-01`);
  assert.deepEqual(parseTraceparent(text ?? ""), {
    traceId: TRACE,
    spanId: SPAN,
    traceFlags: 1,
    isRemote: true,
  });
});

Deno.test("nothing is sent when nothing is traced", () => {
  const none = { traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 };
  assert.equal(formatTraceparent(none), undefined);
});

const texts: readonly (readonly [string, string, number | undefined])[] = [
  ["not sampled", `00-${TRACE}-${SPAN}-00`, 0],
  ["flags of a later level", `00-${TRACE}-${SPAN}-03`, 1],
  ["a later version with more fields", `cc-${TRACE}-${SPAN}-01-what-the-future`, 1],
  ["version 00 with more fields", `00-${TRACE}-${SPAN}-01-more`, undefined],
  ["the forbidden version", `ff-${TRACE}-${SPAN}-01`, undefined],
  ["upper case", `00-${TRACE.toUpperCase()}-${SPAN}-01`, undefined],
  ["a trace id of zeros", `00-${"0".repeat(32)}-${SPAN}-01`, undefined],
  ["a span id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`, undefined],
  ["a short trace id", `00-${TRACE.slice(1)}-${SPAN}-01`, undefined],
  ["nothing", "", undefined],
];

for (const [what, text, flags] of texts) {
  Deno.test(`a traceparent with ${what} is ${flags === undefined ? "ignored" : "read"}`, () => {
    assert.equal(parseTraceparent(text)?.traceFlags, flags);
  });
}
