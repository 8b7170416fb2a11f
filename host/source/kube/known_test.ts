import assert from "node:assert/strict";
import type { KubeObject } from "../../../schemas/kube.ts";
import { sampleService } from "../../samples.ts";
import type { ListPage } from "./decoder.ts";
import { KnownObjects } from "./known.ts";

const page = (...objects: readonly KubeObject[]): ListPage => ({
  resourceVersion: "9",
  continue: "",
  objects,
  malformed: [],
});

Deno.test("an object with the version that is known is not delivered again", () => {
  const known = new KnownObjects("Service", () => {});
  const object = sampleService({ resourceVersion: "5" });
  assert.equal(known.replace([page(object)], 1).length, 1);
  assert.equal(known.change({ type: "upsert", object }, 2), undefined);
  assert.deepEqual(known.replace([page(object)], 3), []);
});

Deno.test("without versions nothing can be told apart, so that everything is delivered", () => {
  const known = new KnownObjects("Service", () => {});
  const object = sampleService({ resourceVersion: "" });
  assert.equal(known.replace([page(object)], 1).length, 1);
  assert.deepEqual(known.change({ type: "upsert", object }, 2), { type: "upsert", object, at: 2 });
  assert.equal(known.replace([page(object)], 3).length, 1);
});
