import assert from "node:assert/strict";
import { parseProxyMode, type RequestedMode } from "./proxy_mode.ts";

const PIN = "0123456789abcdef".repeat(4);

const plugin = (reference: string, name = reference): RequestedMode => ({
  type: "plugin",
  name,
  reference,
});

const good: readonly (readonly [string, RequestedMode])[] = [
  ["nftables", { type: "builtin", name: "nftables" }],
  ["", { type: "builtin", name: "nftables" }],
  ["iptables", { type: "absent", name: "iptables" }],
  ["ipvs", { type: "absent", name: "ipvs" }],
  ["userspace", { type: "absent", name: "userspace" }],
  ["kernelspace", { type: "absent", name: "kernelspace" }],
  ["mine", plugin("/opt/mine.ts", "mine")],
  ["./x.ts", plugin("./x.ts")],
  ["../a/x.ts", plugin("../a/x.ts")],
  [`/opt/x.js#sha256=${PIN}`, plugin(`/opt/x.js#sha256=${PIN}`, "/opt/x.js")],
  ["file:///opt/my%20x.ts", plugin("file:///opt/my%20x.ts")],
  [
    `https://example.com/x.js#sha256=${PIN.toUpperCase()}`,
    plugin(`https://example.com/x.js#sha256=${PIN.toUpperCase()}`, "https://example.com/x.js"),
  ],
];

for (const [text, mode] of good) {
  Deno.test(`--proxy-mode "${text.slice(0, 40)}" names ${mode.type} ${mode.name}`, () => {
    const parsed = parseProxyMode(text, new Map([["mine", "/opt/mine.ts"]]));
    assert.deepEqual(parsed, mode);
  });
}

const bad: readonly (readonly [string, RegExp])[] = [
  ["NFTables", /^it is none of nftables, nor the path or URL/],
  ["mine", /^it is none of nftables, nor/],
  ["x.ts", /^it is none of nftables, nor the path or URL of a plugin \(\.\/x\.ts/],
  ["http://example.com/x.js", /^it is no path or URL/],
  ["file://otherhost/x.ts", /^it is no path or URL/],
  ["https://example.com/x.js", /needs #sha256=/],
  ["https://#sha256=" + PIN, /^it is no path or URL/],
  ["./", /^it is no path or URL/],
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
