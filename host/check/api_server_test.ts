import assert from "node:assert/strict";
import { WeirError } from "../../schemas/errors.ts";
import type { ApiAnswer } from "../source/kube/client.ts";
import { checkApiServer } from "./api_server.ts";

const NOW = Date.parse("2026-01-01T00:00:10.400Z");

function answer(body: unknown, date = "Thu, 01 Jan 2026 00:00:10 GMT"): ApiAnswer {
  async function* bytes() {
    yield new TextEncoder().encode(JSON.stringify(body));
  }
  return { encoding: "json", date, body: bytes() };
}

interface Review {
  readonly spec: { readonly resourceAttributes: Record<string, string> };
}

async function check(options: {
  readonly date?: string;
  readonly denied?: readonly string[];
  readonly refuse?: Error;
} = {}) {
  const asked: Record<string, string>[] = [];
  const { date, denied = [], refuse } = options;
  const groups = await checkApiServer({
    client: {
      get: async () => answer({ gitVersion: "v1.34.1" }, date),
      post: async (path, body) => {
        assert.equal(path, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        if (refuse !== undefined) throw refuse;
        const { resourceAttributes } = (body as Review).spec;
        asked.push(resourceAttributes);
        const { verb, resource } = resourceAttributes;
        return answer({ status: { allowed: !denied.includes(`${verb} ${resource}`) } });
      },
    },
    nodeName: "node-1",
    now: () => NOW,
    signal: new AbortController().signal,
  });
  const ticks = groups.flatMap(({ ticks }) => ticks.map(({ state, what }) => `${state}: ${what}`));
  return { ticks, asked };
}

Deno.test("the rights that weir needs are asked for by name, those on its own Node alone", async () => {
  const { ticks, asked } = await check();
  assert.deepEqual(ticks, [
    "good: the API server answers (v1.34.1)",
    "good: this node's clock agrees with the API server's",
    "good: may list services",
    "good: may watch services",
    "good: may list endpointslices.discovery.k8s.io",
    "good: may watch endpointslices.discovery.k8s.io",
    "good: may list nodes",
    "good: may watch nodes",
    "good: may list servicecidrs.networking.k8s.io",
    "good: may watch servicecidrs.networking.k8s.io",
  ]);
  assert.deepEqual(asked.find(({ resource }) => resource === "nodes"), {
    group: "",
    resource: "nodes",
    verb: "list",
    name: "node-1",
  });
});

Deno.test("a right that lacks is a failure, one that weir can do without a warning", async () => {
  const { ticks } = await check({ denied: ["watch services", "list servicecidrs"] });
  assert.deepEqual(ticks.filter((tick) => !tick.startsWith("good")), [
    "failure: may not watch services",
    "warning: may not list servicecidrs.networking.k8s.io: connections to a cluster IP that no " +
    "Service has are not dropped",
  ]);
});

Deno.test("who may not even ask is told that nothing is known", async () => {
  const { ticks } = await check({ refuse: new Error("403 forbidden") });
  assert.equal(ticks.filter((tick) => tick.startsWith("warning: cannot tell")).length, 8);
});

const CLOCKS: readonly (readonly [string, string, RegExp])[] = [
  ["agrees within the second of the header", "Thu, 01 Jan 2026 00:00:09 GMT", /^good: .* agrees/],
  ["is a little behind", "Thu, 01 Jan 2026 00:00:30 GMT", /^warning: .* 20 s behind/],
  ["is far ahead", "Wed, 31 Dec 2025 23:50:10 GMT", /^failure: .* 599 s ahead of/],
  ["is not told", "", /^skipped: /],
];
for (const [sentence, date, expected] of CLOCKS) {
  Deno.test(`the API server's clock ${sentence}`, async () => {
    assert.match((await check({ date })).ticks[1] ?? "", expected);
  });
}

for (
  const [thrown, remedy] of [
    [new WeirError("WEIR_API_SERVER", "Cannot reach it"), /^look whether the server .* get --raw/],
    [new WeirError("WEIR_CREDENTIALS", "Cannot use it"), /^give --kubeconfig a file that is there/],
  ] as const
) {
  Deno.test(`an API server that cannot be asked (${thrown.code}) is one failure, with what to do`, async () => {
    const groups = await checkApiServer({
      client: { get: () => Promise.reject(thrown), post: () => Promise.reject(thrown) },
      nodeName: "node-1",
      now: () => NOW,
      signal: new AbortController().signal,
    });
    const [{ ticks: [tick, ...more] } = { ticks: [] }] = groups;
    assert.ok(tick?.state === "failure" && more.length === 0);
    assert.equal(tick.what, `the API server cannot be used: ${thrown.message}`);
    assert.match(tick.remedy, remedy);
  });
}
