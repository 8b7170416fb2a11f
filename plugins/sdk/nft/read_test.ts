import assert from "node:assert/strict";
import fc from "fast-check";
import { WeirError } from "../../../schemas/errors.ts";
import { chain, map, set, table, Transaction, verdict, verdictMap } from "./mod.ts";
import { elements, messages, names } from "./read.ts";

const T = table("ip", "weir");

Deno.test("what the encoder wrote reads back", () => {
  const tx = new Transaction(async () => {});
  const marks = map(T, "marks", ["inet_service"], ["mark"]);
  const services = verdictMap(T, "services", ["inet_service"]);
  const cidrs = set(T, "cidrs", ["ipv4_addr"], { flags: ["interval"] });
  tx.addElement(marks, 80, 5);
  assert.deepEqual(elements(tx.encode().bytes), [
    {
      key: new Uint32Array([0x5000]),
      data: new Uint32Array([5]),
      verdict: undefined,
      counted: undefined,
    },
  ]);
  const verdicts = new Transaction(async () => {});
  verdicts.addElement(services, 1, verdict.goto("a"));
  verdicts.addElement(services, 2, verdict.return);
  assert.deepEqual(elements(verdicts.encode().bytes).map((element) => element.verdict), [
    { to: "goto", chain: "a" },
    { to: "return" },
  ]);
  const intervals = new Transaction(async () => {});
  intervals.addElement(cidrs, "10.0.0.0/8");
  intervals.addElement(cidrs, "255.255.0.0/16");
  assert.deepEqual(
    elements(intervals.encode().bytes).map(({ key }) => [...new Uint8Array(key.buffer)]),
    // The last network has no address after it that could end it.
    [[10, 0, 0, 0], [11, 0, 0, 0], [255, 255, 0, 0]],
  );
  const objects = new Transaction(async () => {});
  objects.add(chain(T, "one"));
  objects.add(chain(T, "two"));
  assert.deepEqual(names("chains", objects.encode().bytes), ["one", "two"]);
});

Deno.test("a malformed answer is refused and never read past its end", () => {
  const tx = new Transaction(async () => {});
  tx.addElement(set(T, "ports", ["inet_service"]), 80);
  const good = tx.encode().bytes.slice();
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const bad = good.slice();
      bad[at] = value;
      try {
        elements(bad);
      } catch (error) {
        assert.ok(error instanceof WeirError && error.code === "WEIR_DECODE", String(error));
      }
    }),
    { seed: 7, numRuns: 2000 },
  );
  const long = good.slice();
  long[0] = 255;
  assert.throws(() => messages(long), { code: "WEIR_DECODE", message: /runs over its end/ });
  const foreign = good.slice();
  foreign[5] = 1;
  assert.throws(() => messages(foreign), { code: "WEIR_DECODE" });
});
