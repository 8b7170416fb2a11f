import assert from "node:assert/strict";
import { conntrackCapability } from "./conntrack.ts";

const NOTHING = new Uint8Array(0);

function granted() {
  const requests: ("all" | readonly string[])[] = [];
  return { requests, capability: conntrackCapability({ request: (ids) => requests.push(ids) }) };
}

Deno.test("what a plugin names is asked for and answered at once", async () => {
  const { requests, capability } = granted();
  for (const ids of ["all", [], ["default/dns/UDP/IPv4"]] as const) {
    assert.deepEqual(await capability.invoke("reconcile", { ids }, NOTHING), { value: {} });
  }
  assert.deepEqual(requests, ["all", [], ["default/dns/UDP/IPv4"]]);
});

const REFUSED: readonly (readonly [string, string, unknown, Uint8Array, RegExp])[] = [
  ["another method", "delete", { ids: "all" }, NOTHING, /"conntrack.delete": there is reconcile/],
  ["bytes beside it", "reconcile", { ids: "all" }, new Uint8Array(1), /1 bytes are attached/],
  ["no ids", "reconcile", {}, NOTHING, /"conntrack.reconcile": ids/],
  ["another word than all", "reconcile", { ids: "every" }, NOTHING, /ids/],
  ["a filter of its own", "reconcile", { ids: "all", source: "10.0.0.1" }, NOTHING, /source/],
  ["ids that are no text", "reconcile", { ids: [1] }, NOTHING, /ids/],
  ["an id that is too long", "reconcile", { ids: ["x".repeat(257)] }, NOTHING, /ids/],
  ["too many ids", "reconcile", { ids: Array<string>(501).fill("x") }, NOTHING, /ids/],
  ["nothing at all", "reconcile", null, NOTHING, /its parameters/],
];

for (const [what, method, params, attachment, message] of REFUSED) {
  Deno.test(`a plugin that sends ${what} has exceeded its grant, and nothing is reconciled`, async () => {
    const { requests, capability } = granted();
    await assert.rejects(
      capability.invoke(method, params, attachment),
      (fault: Error & { code?: string }) => {
        assert.equal(fault.code, "WEIR_GRANT_EXCEEDED");
        assert.match(fault.message, message);
        return true;
      },
    );
    assert.deepEqual(requests, []);
  });
}

Deno.test("a plugin whose grant was withdrawn is refused", async () => {
  const { requests, capability } = granted();
  capability.close();
  await assert.rejects(capability.invoke("reconcile", { ids: "all" }, NOTHING), {
    code: "WEIR_GRANT_EXCEEDED",
  });
  assert.deepEqual(requests, []);
});
