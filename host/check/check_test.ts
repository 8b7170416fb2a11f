/**
 * Where weir check looks for Services and slices: at a folder, or at the API server.
 */
import assert from "node:assert/strict";
import { WeirError } from "../../schemas/errors.ts";
import { checkObjects, type ObjectQuestions } from "./check.ts";
import type { Tick } from "./tick.ts";

async function objects(
  manifests: string,
  questions: Partial<Omit<ObjectQuestions, "config">>,
): Promise<readonly [title: string, tick: Tick]> {
  const [group, ...more] = await checkObjects({
    config: { manifests, nodeName: "node-1" },
    apiServer: () => assert.fail("the API server is asked"),
    manifests: () => assert.fail("a folder is looked at"),
    ...questions,
  });
  const [tick, ...others] = group?.ticks ?? [];
  assert.deepEqual([more, others], [[], []]);
  return [group?.title ?? "", tick ?? assert.fail("there is no tick")];
}

Deno.test("a folder of manifests that can be read is good, and no API server is asked", async () => {
  assert.deepEqual(await objects("/m", { manifests: async () => 3 }), [
    "Manifests",
    { state: "good", what: "/m has 3 manifest files" },
  ]);
});

Deno.test("a folder that cannot be read fails, and it is said what to give --manifests", async () => {
  const [title, tick] = await objects("/m", { manifests: async () => "there is no such folder" });
  assert.equal(title, "Manifests");
  assert.ok(tick.state === "failure");
  assert.equal(tick.what, "/m cannot be read: there is no such folder");
  assert.match(tick.remedy, /^give --manifests a folder .* permissions on disk.*--allow-read$/);
});

Deno.test("without credentials that fails, and all three ways to have objects are named", async () => {
  const [title, tick] = await objects("", {
    apiServer: () => {
      throw new WeirError("WEIR_CREDENTIALS", "Cannot find a service account: it is not there");
    },
  });
  assert.equal(title, "API server");
  assert.ok(tick.state === "failure");
  assert.match(tick.what, /^there are no credentials .*: Cannot find a service account: it is not/);
  assert.match(tick.remedy, /^give --kubeconfig .* service account, or give it --manifests$/);
});

Deno.test("an API server that cannot be asked fails, and its connections are closed", async () => {
  let closed = false;
  const refuse = () => Promise.reject(new WeirError("WEIR_API_SERVER", "Cannot reach it"));
  const [title, tick] = await objects("", {
    apiServer: () => ({
      questions: {
        client: { get: refuse, post: refuse },
        now: () => 0,
        signal: new AbortController().signal,
      },
      close: async () => void (closed = true),
    }),
  });
  assert.deepEqual([title, tick.state, closed], ["API server", "failure", true]);
});
