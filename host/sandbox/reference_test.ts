import assert from "node:assert/strict";
import { parseReference } from "./reference.ts";

const base = new URL("file:///etc/weir/");
const PIN = "ab".repeat(32);

const READ: readonly (readonly [string, string, string | undefined])[] = [
  ["./x.ts", "file:///etc/weir/x.ts", undefined],
  ["../x.ts", "file:///etc/x.ts", undefined],
  ["/opt/my plugin/x?.ts", "file:///opt/my%20plugin/x%3F.ts", undefined],
  ["file:///opt/x.js", "file:///opt/x.js", undefined],
  [`/opt/x.js#sha256=${PIN.toUpperCase()}`, "file:///opt/x.js", PIN],
  [`https://example.org/x.js#sha256=${PIN}`, "https://example.org/x.js", PIN],
];

for (const [text, href, sha256] of READ) {
  Deno.test(`the plugin ${text} is at ${href}`, () => {
    const reference = parseReference(text, base);
    assert.equal(reference.url.href, href);
    assert.equal(reference.sha256, sha256);
  });
}

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["https://example.org/x.js", /code from the network must be pinned: append #sha256=<hex>/],
  [`http://example.org/x.js#sha256=${PIN}`, /its scheme is http:, file: and https: are possible/],
  ["data:text/javascript,1", /its scheme is data:/],
  ["npm:is-odd", /its scheme is npm:/],
  ["./x.ts#sha256=abc", /after # only sha256=<64 hex digits>/],
  ["./x.ts#md5=abc", /after # only sha256=<64 hex digits>/],
  ["https://", /it is neither a path nor a URL/],
];

for (const [text, expected] of REFUSED) {
  Deno.test(`the plugin ${text} is refused`, () => {
    assert.throws(() => parseReference(text, base), (error: Error) => {
      assert.match(error.message, expected);
      return true;
    });
  });
}
