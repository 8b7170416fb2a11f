/** Who may work in a network namespace, against the real kernel. */
import assert from "node:assert/strict";
import { claimInstance } from "./instance.ts";
import { NetworkNamespace } from "./namespace.ts";

Deno.test("a network namespace is claimed once, and again when it has been given back", () => {
  using namespace = NetworkNamespace.create("node");
  const first = namespace.inside(() => claimInstance());
  assert.equal(first.type, "claimed");
  const second = namespace.inside(() => claimInstance());
  assert.deepEqual(second, { type: "held", pid: Deno.pid }, "it is told who has it");
  if (first.type === "claimed") first.release();
  const third = namespace.inside(() => claimInstance());
  assert.equal(third.type, "claimed");
  if (third.type === "claimed") third.release();
});

Deno.test("another network namespace is another claim", () => {
  using one = NetworkNamespace.create("one");
  using other = NetworkNamespace.create("other");
  const claims = [one, other].map((namespace) => namespace.inside(() => claimInstance()));
  assert.deepEqual(claims.map(({ type }) => type), ["claimed", "claimed"]);
  for (const claim of claims) if (claim.type === "claimed") claim.release();
});

Deno.test("more second claims than the holder's queue has room for are refused all the same", () => {
  using namespace = NetworkNamespace.create("node");
  const first = namespace.inside(() => claimInstance());
  for (let round = 0; round < 200; round++) {
    assert.equal(namespace.inside(() => claimInstance()).type, "held");
  }
  assert.deepEqual(namespace.inside(() => claimInstance()), { type: "held", pid: undefined });
  if (first.type === "claimed") first.release();
});
