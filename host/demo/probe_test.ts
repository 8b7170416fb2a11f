import assert from "node:assert/strict";
import { portsInTurn } from "./probe.ts";

Deno.test("no source port comes again before all others, and none is the kernel's to give", () => {
  const next = portsInTurn();
  const ports = Array.from({ length: 22_768 }, () => next());
  assert.equal(new Set(ports).size, ports.length);
  assert.ok(ports.every((port) => port >= 1_024 && port < 32_768));
  assert.equal(next(), ports[0]);
});
