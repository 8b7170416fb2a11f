import assert from "node:assert/strict";
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
    const frame = hostNaming(HOME)({ functionName, url, lineNumber: 11 });
    assert.equal(frame.name, name);
    if (file !== "") assert.equal(frame.file, file);
    assert.equal(frame.line, line);
  });
}

const BUNDLE = new TextEncoder().encode(`var early = 1;
// schemas/ip.ts
function parseIp() {}
// a comment about words.
// plugins/mine/plugin.ts
function resync() {}
`);

const PLUGIN: readonly (readonly [string, number, string, string])[] = [
  ["blob:null/1", 0, "mine.f", "mine.js"],
  ["blob:null/1", 2, "schemas/ip.f", "schemas/ip.ts"],
  ["blob:null/1", 3, "schemas/ip.f", "schemas/ip.ts"],
  ["blob:null/1", 5, "plugins/mine/plugin.f", "plugins/mine/plugin.ts"],
  ["data:text/javascript;base64,AAAA", 5, "bootstrap.f", "bootstrap.js"],
  ["ext:core/01_core.js", 5, "ext/core/01_core.f", "ext/core/01_core.js"],
];

for (const [url, lineNumber, name, file] of PLUGIN) {
  Deno.test(`a plugin's function at line ${lineNumber} of "${url}" is called ${name}`, () => {
    const frame = bundleNaming("mine", BUNDLE)({ functionName: "f", url, lineNumber });
    assert.deepEqual(frame, { name, file, line: lineNumber + 1 });
  });
}

Deno.test("what a plugin calls its functions moves nobody's cursor", () => {
  const frame = bundleNaming("mine", BUNDLE)({
    functionName: "\x1b[2K",
    url: "blob:null/\x9b",
    lineNumber: 0,
  });
  assert.equal(frame.name, "mine.\\u001b[2K");
});
