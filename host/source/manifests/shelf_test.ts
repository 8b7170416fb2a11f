import assert from "node:assert/strict";
import { WeirError } from "../../../schemas/errors.ts";
import { sampleService } from "../../samples.ts";
import { EMPTY_SHELF, type FileVersion, restock, type Shelf } from "./shelf.ts";

/** A version of a file that defines Services of these names; its digest is its content. */
function version(...names: string[]): FileVersion {
  const definitions = names.map((name, index) => ({
    key: `Service default/${name}`,
    line: index + 1,
    object: sampleService({ name }),
  }));
  return {
    ok: true,
    digest: names.join(),
    loaded: { definitions, ignored: [], refusal: undefined },
  };
}

/** A version of a file that defines some Services and refuses one. */
function partly(good: readonly string[], refused: string): FileVersion {
  const whole = version(...good);
  assert.ok(whole.ok);
  const error = new WeirError("WEIR_MANIFEST_FILE", `${refused} is bad`);
  const refusal = { keys: new Set([`Service default/${refused}`]), error };
  const digest = `${whole.digest} without ${refused}`;
  return { ok: true, digest, loaded: { ...whole.loaded, refusal } };
}

const BROKEN: FileVersion = {
  ok: false,
  digest: "broken",
  error: new WeirError("WEIR_MANIFEST_FILE", "broken"),
};

function stock(shelf: Shelf, files: Readonly<Record<string, FileVersion>>): Shelf {
  return restock(shelf, Object.entries(files).map(([name, version]) => ({ name, version })));
}

function picture(shelf: Shelf) {
  return {
    objects: [...shelf.objects.values()].map(({ name }) => name).sort().join(),
    errors: shelf.files.flatMap(({ error }) => error === undefined ? [] : [error.message]),
  };
}

Deno.test("The objects of all files come together", () => {
  const shelf = stock(EMPTY_SHELF, { "b.yaml": version("c"), "a.yaml": version("a", "b") });
  assert.deepEqual(picture(shelf), { objects: "a,b,c", errors: [] });
  assert.deepEqual(shelf.files.map(({ name }) => name), ["a.yaml", "b.yaml"]);
});

Deno.test("A file that breaks keeps its last good version; one that never was good has none", () => {
  const shelf = stock(EMPTY_SHELF, { "a.yaml": version("a"), "b.yaml": BROKEN });
  assert.deepEqual(picture(shelf), { objects: "a", errors: ["broken"] });
  const broken = stock(shelf, { "a.yaml": BROKEN, "b.yaml": version("b") });
  assert.deepEqual(picture(broken), { objects: "a,b", errors: ["broken"] });
  assert.deepEqual(picture(stock(broken, { "b.yaml": version("b") })), {
    objects: "b",
    errors: [],
  });
});

Deno.test("Of two new files with one object the later by name is refused whole, naming both", () => {
  const shelf = stock(EMPTY_SHELF, { "a.yaml": version("x"), "b.yaml": version("y", "x") });
  assert.deepEqual(picture(shelf), {
    objects: "x",
    errors: [
      'Cannot load manifest "b.yaml:2": Service default/x is defined in "a.yaml:1" already',
    ],
  });
  assert.deepEqual(picture(stock(shelf, { "b.yaml": version("y", "x") })), {
    objects: "x,y",
    errors: [],
  });
});

Deno.test("A new file cannot take an object from one in force, even if its name comes first", () => {
  const shelf = stock(EMPTY_SHELF, { "b.yaml": version("x") });
  const next = stock(shelf, { "a.yaml": version("x", "y"), "b.yaml": version("x") });
  assert.deepEqual(picture(next), {
    objects: "x",
    errors: [
      'Cannot load manifest "a.yaml:1": Service default/x is defined in "b.yaml:1" already',
    ],
  });
});

Deno.test("An object may move from one file to another, in one go and in either direction", () => {
  for (const [from, to] of [["a.yaml", "b.yaml"], ["b.yaml", "a.yaml"]] as const) {
    const shelf = stock(EMPTY_SHELF, { [from]: version("x", "y"), [to]: version("z") });
    const moved = stock(shelf, { [from]: version("y"), [to]: version("z", "x") });
    assert.deepEqual(picture(moved), { objects: "x,y,z", errors: [] });
  }
});

Deno.test("An object may move in two steps, the new file first", () => {
  const shelf = stock(EMPTY_SHELF, { "b.yaml": version("x", "y") });
  const between = stock(shelf, { "a.yaml": version("x"), "b.yaml": version("x", "y") });
  assert.equal(picture(between).errors.length, 1);
  const after = stock(between, { "a.yaml": version("x"), "b.yaml": version("y") });
  assert.deepEqual(picture(after), { objects: "x,y", errors: [] });
});

Deno.test("What a refused file had before gives way to a good file that has taken it over", () => {
  const first = stock(EMPTY_SHELF, { "a.yaml": version("a"), "b.yaml": version("x", "b") });
  const next = stock(first, { "a.yaml": version("a", "x"), "b.yaml": BROKEN });
  assert.deepEqual(picture(next), { objects: "a,b,x", errors: ["broken"] });
  const [a] = next.files;
  const taken = a?.inForce?.definitions.find(({ key }) => key === "Service default/x")?.object;
  assert.equal(next.objects.get("Service default/x"), taken);
});

Deno.test("A refused object keeps its last good version while the rest of its file goes on", () => {
  const first = stock(EMPTY_SHELF, { "a.yaml": version("x", "y", "z") });
  const next = stock(first, { "a.yaml": partly(["y", "new"], "x") });
  assert.deepEqual(picture(next), { objects: "new,x,y", errors: ["x is bad"] });
  const kept = stock(next, { "a.yaml": partly(["y", "new"], "x"), "b.yaml": version("b") });
  assert.deepEqual(picture(kept), { objects: "b,new,x,y", errors: ["x is bad"] });
  assert.deepEqual(picture(stock(kept, { "a.yaml": version("y") })), { objects: "y", errors: [] });
});

Deno.test("A refused object that never was good is missing, and another file may define it", () => {
  const shelf = stock(EMPTY_SHELF, { "a.yaml": partly(["y"], "x") });
  assert.deepEqual(picture(shelf), { objects: "y", errors: ["x is bad"] });
  const next = stock(shelf, { "a.yaml": partly(["y"], "x"), "b.yaml": version("x") });
  assert.deepEqual(picture(next), { objects: "x,y", errors: ["x is bad"] });
});

Deno.test("A file that refuses an object still comes before newcomers with its others", () => {
  const shelf = stock(EMPTY_SHELF, { "b.yaml": partly(["y"], "x") });
  const next = stock(shelf, { "a.yaml": version("y"), "b.yaml": partly(["y"], "x") });
  assert.deepEqual(picture(next).errors, [
    'Cannot load manifest "a.yaml:1": Service default/y is defined in "b.yaml:1" already',
    "x is bad",
  ]);
});
