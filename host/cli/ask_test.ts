import assert from "node:assert/strict";
import * as v from "valibot";
import { ask, type Fetch } from "./ask.ts";

const schema = v.object({ number: v.number() });

function asked(server: string, fetch: Fetch) {
  return ask(schema, "/debug/x", { a: "b c", left: undefined }, { server, fetch });
}

Deno.test("weir is asked at the address given, with the port of metrics where none is", async () => {
  for (
    const [server, origin] of [
      ["127.0.0.1:9000", "http://127.0.0.1:9000"],
      ["10.0.0.1", "http://10.0.0.1:10249"],
      ["[::1]:9000", "http://[::1]:9000"],
      ["::1", "http://[::1]:10249"],
      ["localhost", "http://localhost:10249"],
      ["http://localhost:1234/", "http://localhost:1234"],
    ] as const
  ) {
    const urls: string[] = [];
    const answer = await asked(server, async (url) => {
      urls.push(url);
      return Response.json({ number: 3, more: true });
    });
    assert.deepEqual([answer.number, urls], [3, [`${origin}/debug/x?a=b+c`]]);
  }
});

const BAD: readonly (readonly [string, Fetch, string, RegExp])[] = [
  [
    "nobody there",
    () => Promise.reject(new TypeError("error", { cause: new Error("Connection refused") })),
    "WEIR_UNREACHABLE",
    /nobody answers \(connection refused\).*--metrics-bind-address.*--server/,
  ],
  ["another program", async () => new Response("", { status: 404 }), "WEIR_UNREACHABLE", /no page/],
  ["a fault", async () => new Response("ouch", { status: 500 }), "WEIR_UNREACHABLE", /500: ouch/],
  [
    "what a terminal would obey",
    async () => new Response("\x1b[2Jouch", { status: 500 }),
    "WEIR_UNREACHABLE",
    /500: \\u001b\[2Jouch/,
  ],
  ["no JSON", async () => new Response("<html>"), "WEIR_UNREACHABLE", /no JSON/],
  [
    "another version",
    async () => Response.json({ number: "3" }),
    "WEIR_UNREACHABLE",
    /another version's \(number/,
  ],
  [
    "a question that is refused",
    async () => new Response("Cannot explain this\n", { status: 400 }),
    "WEIR_QUESTION_INVALID",
    /^Cannot explain this$/,
  ],
];
for (const [sentence, fetch, code, message] of BAD) {
  Deno.test(`who asks and gets ${sentence} is told`, async () => {
    await assert.rejects(asked("127.0.0.1", fetch), { code, message });
  });
}

Deno.test("a server that is no address is refused before anybody is asked", async () => {
  const fetch = () => Promise.reject(new Error("asked"));
  await assert.rejects(asked("example.com", fetch), { code: "WEIR_CONFIG_INVALID" });
});
