import assert from "node:assert/strict";
import type { Explanation } from "../../schemas/explanation.ts";
import type { PendingViews } from "../explain/pending.ts";
import type { QuestionWords } from "../explain/question.ts";
import { readQuestion } from "../explain/question.ts";
import { insightRoutes } from "./insight.ts";

function routes() {
  const asked: QuestionWords[] = [];
  const told: PendingViews[] = [];
  const app = insightRoutes({
    explain: async (words) => {
      readQuestion(words);
      asked.push(words);
      return { kind: "Explanation" } as Explanation;
    },
    pending: async (views) => {
      told.push(views);
      return {
        kind: "PendingSync",
        revision: 1,
        changes: [],
        families: [],
        node: {
          name: "here",
          zone: "",
          addresses: [],
          ignoresExternalIPs: false,
        },
      };
    },
    top: async () => {
      throw new Error("the kernel is away");
    },
  });
  return { asked, told, get: (path: string) => app.request(path) };
}

Deno.test("/debug/explain hands the words of the question on, and its answer is never cached", async () => {
  const { asked, get } = routes();
  const response = await get("/debug/explain?to=10.96.0.1:80&protocol=tcp&from=10.0.0.1");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(asked, [
    { service: undefined, to: "10.96.0.1:80", protocol: "tcp", from: "10.0.0.1" },
  ]);
});

Deno.test("what cannot be understood is 400 with the reason as text", async () => {
  const { asked, get } = routes();
  for (
    const [query, reason] of [
      ["", /give service=/],
      ["?service=a&service=b", /"service": it is given twice/],
      ["?servcie=a", /"servcie": there is service, to, protocol, from/],
      ["?to=%00", /it is no IP:port/],
    ] as const
  ) {
    const response = await get(`/debug/explain${query}`);
    assert.equal(response.status, 400);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain/);
    assert.match(await response.text(), reason);
  }
  assert.deepEqual(asked, []);
});

Deno.test("/debug/diff tells all service ports only to who asks for them", async () => {
  const { told, get } = routes();
  await get("/debug/diff");
  await get("/debug/diff?views=1");
  await get("/debug/diff?next=1");
  assert.deepEqual(told, ["none", "last", "next"]);
});

Deno.test("what goes wrong inside is not the asker's fault", async () => {
  assert.equal((await routes().get("/debug/top")).status, 500);
});

Deno.test("nothing is changed by any other method", async () => {
  const { get: _, ...rest } = routes();
  assert.deepEqual(rest.asked, []);
  for (const method of ["POST", "PUT", "DELETE"]) {
    const app = insightRoutes({
      explain: () => Promise.reject(new Error("asked")),
      pending: () => Promise.reject(new Error("asked")),
      top: () => Promise.reject(new Error("asked")),
    });
    assert.equal((await app.request("/debug/explain?service=a", { method })).status, 404);
  }
});
