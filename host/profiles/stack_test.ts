import assert from "node:assert/strict";
import type { FindOrigin } from "../sandbox/origins.ts";
import { bundleNaming, hostNaming } from "./stack.ts";

const HOME = new URL("file:///opt/weir/");

const HOST: readonly (readonly [string, string, string, string, number])[] = [
  ["accept", "file:///opt/weir/host/tracker.ts", "host/tracker.accept", "host/tracker.ts", 0],
  ["", "file:///opt/weir/mod.ts", "mod.(anonymous@12)", "mod.ts", 0],
  ["dispatch", "file:///x/npm/r.example/hono/4.1.0/a.js", "hono/4.1.0/a.dispatch", "", 12],
  ["drainTicks", "ext:core/01_core.js", "ext/core/01_core.drainTicks", "ext/core/01_core.js", 12],
  ["hash", "node:crypto", "node/crypto.hash", "node/crypto", 12],
  ["(garbage collector)", "", "(garbage collector)", "", 0],
  ["", "", "(native)", "", 0],
];

for (const [functionName, url, name, file, line] of HOST) {
  Deno.test(`"${functionName}" of "${url}" is called ${name}`, () => {
    const frame = hostNaming(HOME)({ functionName, url, lineNumber: 11, columnNumber: 0 });
    assert.equal(frame.name, name);
    if (file !== "") assert.equal(frame.file, file);
    assert.equal(frame.line, line);
  });
}

const find: FindOrigin = (line, column) => ({
  part: "schemas/ip.ts",
  file: column === 4 ? "schemas/ip.ts" : "mine.js",
  line: line + 100,
});

const PLUGIN: readonly (readonly [string, string, number, string, string, number])[] = [
  ["f", "blob:null/1", 4, "schemas/ip.f", "schemas/ip.ts", 105],
  ["", "blob:null/1", 4, "schemas/ip.(anonymous@105)", "schemas/ip.ts", 105],
  ["f", "blob:null/1", 3, "schemas/ip.f", "mine.js", 105],
  ["f", "data:text/javascript;base64,AAAA", 4, "bootstrap.f", "bootstrap.js", 6],
  ["f", "ext:core/01_core.js", 4, "ext/core/01_core.f", "ext/core/01_core.js", 6],
];

for (const [functionName, url, columnNumber, name, file, line] of PLUGIN) {
  Deno.test(`a plugin's "${functionName}" at column ${columnNumber} of "${url}" is called ${name}`, () => {
    const frame = bundleNaming(find)({ functionName, url, lineNumber: 5, columnNumber });
    assert.deepEqual(frame, { name, file, line });
  });
}

Deno.test("what a plugin calls its functions moves nobody's cursor", () => {
  const frame = bundleNaming(find)({
    functionName: "\x1b[2K",
    url: "blob:null/\x9b",
    lineNumber: 0,
    columnNumber: 4,
  });
  assert.equal(frame.name, "schemas/ip.\\u001b[2K");
});
