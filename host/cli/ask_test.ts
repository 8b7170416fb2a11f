import assert from "node:assert/strict";
import * as v from "valibot";
import { ask } from "./ask.ts";
import type { Fetch } from "./json_page.ts";

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
      ["[::1]", "http://[::1]:10249"],
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
  [
    "a page for people",
    async () => new Response("<html>", { headers: { "Content-Type": "text/html" } }),
    "WEIR_UNREACHABLE",
    /no JSON: another program listens there; .*--server/,
  ],
  [
    "half of an answer",
    async () => new Response("{", { headers: { "Content-Type": "application/json" } }),
    "WEIR_UNREACHABLE",
    /broken JSON/,
  ],
  [
    "another protocol",
    () =>
      Promise.reject(
        new TypeError(
          "error sending request from 127.0.0.1:1 for http://127.0.0.1:2/ (127.0.0.1:2): " +
            "client error (SendRequest): invalid HTTP version parsed",
        ),
      ),
    "WEIR_UNREACHABLE",
    /: what listens there breaks off \(invalid HTTP version parsed\): it is another program.*--server/,
  ],
  [
    "no answer for long",
    () => Promise.reject(new DOMException("Signal timed out.", "TimeoutError")),
    "WEIR_UNREACHABLE",
    /has not answered for 30 s: see weir's log and \/livez; .*--server/,
  ],
  [
    "no way past Deno",
    () => Promise.reject(new Deno.errors.NotCapable('Requires net access to "10.0.0.1:10249"')),
    "WEIR_UNREACHABLE",
    /Deno does not let it \(Requires net access/,
  ],
  [
    "a refusal",
    async () => new Response("Forbidden\n", { status: 403 }),
    "WEIR_UNREACHABLE",
    /403: Forbidden; .*--server/,
  ],
  [
    "sent elsewhere",
    async () => new Response(null, { status: 302, headers: { Location: "/login" } }),
    "WEIR_UNREACHABLE",
    /answered 302; .*--server/,
  ],
  [
    "that weir has too much to do",
    async () => new Response("32 requests are under way: ask again in a second\n", { status: 503 }),
    "WEIR_UNREACHABLE",
    /503: 32 requests are under way: ask again in a second$/,
  ],
  [
    "another program's word that it does not understand",
    async () => new Response("Client sent an HTTP request to an HTTPS server.", { status: 400 }),
    "WEIR_UNREACHABLE",
    /answered 400: Client sent/,
  ],
  [
    "another version",
    async () => Response.json({ number: "3" }),
    "WEIR_UNREACHABLE",
    /another version's \(number.*the weir that runs there/,
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

Deno.test("another program that never ends is not read to its end", async () => {
  let left = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000_000)),
    cancel: () => void (left = true),
  });
  await assert.rejects(asked("127.0.0.1", async () => new Response(body)), /no JSON/);
  assert.equal(left, true);
});

for (
  const [server, message] of [
    ["example.com", /neither IP:port nor an IP address/],
    ["", /neither IP:port nor an IP address/],
    ["https://127.0.0.1", /by http:\/\/ only/],
    ["localhost:99999", /"99999" is no port/],
    ["localhost:", /"" is no port/],
    ["127.0.0.1:0", /"0" is no port/],
    ["[127.0.0.1]:1", /only an IPv6 address takes brackets/],
  ] as const
) {
  Deno.test(`the server "${server}" is refused before anybody is asked`, async () => {
    const fetch = () => Promise.reject(new Error("asked"));
    await assert.rejects(asked(server, fetch), { code: "WEIR_CONFIG_INVALID", message });
  });
}
