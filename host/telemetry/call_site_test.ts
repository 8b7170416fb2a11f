import assert from "node:assert/strict";
import { callFrame, callStack, parseFrame, siteName } from "./call_site.ts";

function asked(): string {
  return callFrame(asked);
}

Deno.test("a place is the caller's, and the same place has the same frame", () => {
  const frames = [1, 2].map(() => asked());
  assert.equal(frames[0], frames[1]);
  const site = parseFrame(frames[0] ?? "");
  assert.match(siteName(site, 1), /^call_site_test\.ts:\d+$/);
  assert.equal(siteName(site, 2), `telemetry/${siteName(site, 1)}`);
});

Deno.test("a path of one part is its own name, and an unknown place says so", () => {
  assert.equal(siteName({ path: "a.ts", line: 3 }, 2), "a.ts:3");
  assert.equal(siteName({ path: "/a.ts", line: 3 }, 2), "a.ts:3");
  assert.equal(siteName(parseFrame(callFrame(undefined)), 1), "unknown:0");
});

Deno.test("a stack begins with the caller", () => {
  function reached() {
    return callStack(reached);
  }
  function caller() {
    return reached();
  }
  assert.match(caller()[0] ?? "", /^at caller \(/);
});

Deno.test("finding the place leaves the stack traces of errors as long as they were", () => {
  const before = Error.stackTraceLimit;
  asked();
  callStack(callStack);
  assert.equal(Error.stackTraceLimit, before);
});
