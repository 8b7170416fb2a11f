import assert from "node:assert/strict";
import { readTree } from "../runner/tree.ts";
import { docLintErrors, undocumented } from "./docs.ts";

const root = new URL("../../", import.meta.url);
const DOORS = ["mod.ts", "tests/kit/mod.ts"];

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function deno(...args: string[]): Answer {
  const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
  }).outputSync();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

function declaration(kind: string, def: unknown, jsDoc: unknown): string {
  const location = { filename: "file:///r/a.ts", line: 7 };
  const declarations = [{ kind, declarationKind: "export", location, jsDoc, def }];
  return JSON.stringify({
    version: 2,
    nodes: { "file:///r/a.ts": { symbols: [{ name: "thing", declarations }] } },
  });
}

const number = { kind: "keyword", repr: "number", value: "number" };
const wait = {
  params: [{ kind: "identifier", name: "delay", tsType: number }],
  returnType: number,
};

Deno.test("every exported symbol says what it is, what it takes and what it gives", () => {
  const files = [...readTree(root.pathname.slice(0, -1)).keys()].filter((path) =>
    /^(schemas|host|plugins|tests)\/.*\.tsx?$/.test(path) && !path.endsWith("_test.ts") &&
    !/\/testdata\/|^tests\/(hostile|bench)\//.test(path)
  );
  const { code, stdout, stderr } = deno("doc", "--json", ...files);
  assert.equal(code, 0, stderr);
  assert.deepEqual(undocumented(stdout, root.href, "shared"), []);
});

Deno.test("what the doors hand out also has examples, and its numbers have units", () => {
  const { code, stdout, stderr } = deno("doc", "--json", ...DOORS);
  assert.equal(code, 0, stderr);
  assert.deepEqual(undocumented(stdout, root.href, "public"), []);
});

Deno.test("deno doc --lint finds nothing at the doors", () => {
  const { code, stderr } = deno("doc", "--lint", ...DOORS);
  // Unless it found nothing, it must have come to its end, which counts what it found.
  if (code !== 0) assert.match(stderr, /Found \d+ documentation lint error/);
  assert.deepEqual(docLintErrors(stderr, root.pathname), []);
});

Deno.test("documentation that says too little is caught", () => {
  const at = "a.ts:7: thing";
  const tags = [
    { kind: "param", name: "delay", doc: "The delay." },
    { kind: "return", doc: "What was waited." },
    { kind: "example", doc: "```ts\n```" },
  ];
  for (
    const [kind, def, jsDoc, demand, faults] of [
      ["variable", {}, undefined, "shared", [`${at}: says nothing of what it is`]],
      ["function", wait, { doc: "Waits." }, "shared", [
        `${at}: no @param delay`,
        `${at}: no @returns`,
      ]],
      ["function", wait, { doc: "Waits.", tags }, "shared", []],
      [
        "function",
        wait,
        {
          doc: "Waits.",
          tags: [...tags, { kind: "throws", tsType: { repr: "WeirError" }, doc: "When late." }],
        },
        "shared",
        [`${at}: @throws {WeirError} without its code`],
      ],
      [
        "function",
        wait,
        { doc: "Waits.", tags: tags.slice(0, 2) },
        "public",
        [`${at}: @param delay: a number without unit or range`, `${at}: no @example`],
      ],
      [
        "class",
        {
          methods: [
            { name: "start", jsDoc: { doc: "Starts." } },
            { name: "start" },
            { name: "stop" },
            { name: "hidden", accessibility: "private" },
          ],
        },
        { doc: "A clock." },
        "shared",
        [`${at}: stop() says nothing of what it does`],
      ],
      [
        "interface",
        { properties: [{ name: "delay", tsType: number, jsDoc: { doc: "The delay." } }] },
        { doc: "A pause." },
        "public",
        [`${at}: delay: a number without unit or range`],
      ],
      [
        "interface",
        { properties: [{ name: "delay", tsType: number, jsDoc: { doc: "Milliseconds." } }] },
        { doc: "A pause." },
        "public",
        [],
      ],
    ] as const
  ) {
    assert.deepEqual(undocumented(declaration(kind, def, jsDoc), "file:///r/", demand), faults);
  }
});

Deno.test("of the lint's errors only those of inferred types are forgiven", () => {
  const text = `error[missing-jsdoc]: exported symbol is missing JSDoc documentation
  --> /r/schemas/view.ts:38:12
   | 
38 |   readonly namespace: string;

error[private-type-ref]: public type 'NftList' references private type 'InferOutput'
    --> /r/schemas/capability.ts:40:1
`;
  assert.deepEqual(docLintErrors(text, "/r/"), [
    "schemas/view.ts:38:12: exported symbol is missing JSDoc documentation",
  ]);
});
