import assert from "node:assert/strict";
import { installCommand, missingTools } from "./tools.ts";

Deno.test("a program lacks when no folder of programs holds it, and is named once", () => {
  const there = new Set(["/usr/sbin/nft", "/bin/ip"]);
  assert.deepEqual(
    missingTools(["nft", "openssl", "ip", "openssl"], (path) => there.has(path)),
    ["openssl"],
  );
});

Deno.test("the install command asks nothing and names each package once", () => {
  assert.equal(
    installCommand(["openssl", "nft", "nft"]).join(" "),
    "apt-get install --yes --quiet --no-install-recommends nftables openssl",
  );
});
