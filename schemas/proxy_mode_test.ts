import assert from "node:assert/strict";
import { formatProxyMode, parseProxyMode, type ProxyMode } from "./proxy_mode.ts";

const PIN = "0123456789abcdef".repeat(4);

const plugin = (reference: string): ProxyMode => ({ type: "plugin", reference });

const good: readonly (readonly [string, ProxyMode, string])[] = [
  ["nftables", { type: "builtin", name: "nftables" }, "nftables"],
  ["", { type: "builtin", name: "nftables" }, "nftables"],
  ["./x.ts", plugin("./x.ts"), "./x.ts"],
  ["../a/x.ts", plugin("../a/x.ts"), "../a/x.ts"],
  [`/opt/x.js#sha256=${PIN}`, plugin(`/opt/x.js#sha256=${PIN}`), "/opt/x.js"],
  ["file:///opt/my%20x.ts", plugin("file:///opt/my%20x.ts"), "file:///opt/my%20x.ts"],
  [
    `https://example.com/x.js#sha256=${PIN.toUpperCase()}`,
    plugin(`https://example.com/x.js#sha256=${PIN.toUpperCase()}`),
    "https://example.com/x.js",
  ],
];

for (const [text, mode, name] of good) {
  Deno.test(`--proxy-mode "${text.slice(0, 40)}" names ${name}`, () => {
    const parsed = parseProxyMode(text);
    assert.deepEqual(parsed, mode);
    assert.equal(formatProxyMode(mode), name);
  });
}

const bad: readonly (readonly [string, RegExp])[] = [
  ["ipvs", /^this version of weir has nftables or the path of a plugin$/],
  ["iptables", /^this version of weir has nftables/],
  ["NFTables", /^it is neither nftables nor a path/],
  ["x.ts", /^it is neither nftables nor a path \(\.\/x\.ts/],
  ["http://example.com/x.js", /^it is neither/],
  ["file://otherhost/x.ts", /^it is neither/],
  ["https://example.com/x.js", /needs #sha256=/],
  ["https://#sha256=" + PIN, /^it is neither/],
  ["./", /^it is neither/],
  ["./x.ts#sha256=abc", /64 hexadecimal digits/],
  [`./x.ts#sha512=${PIN}`, /64 hexadecimal digits/],
];

for (const [text, why] of bad) {
  Deno.test(`--proxy-mode "${text.slice(0, 40)}" is refused with the reason`, () => {
    const parsed = parseProxyMode(text);
    assert.ok(typeof parsed === "string", JSON.stringify(parsed));
    assert.match(parsed, why);
  });
}
