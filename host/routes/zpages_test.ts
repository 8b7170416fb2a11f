import assert from "node:assert/strict";
import { type ZPagesOptions, zpagesRoutes } from "./zpages.ts";

const OPTIONS = {
  flags: () => new Map([["v", "2"], ["cluster-cidr", "10.0.0.0/8"], ["master", ""]]),
  startedAt: Date.UTC(2024, 9, 6, 21, 3, 43),
  now: () => Date.UTC(2024, 9, 8, 2, 3, 59),
  version: "0.1.0",
  runtime: "deno2.9.6",
  gates: () => ({}),
  paths: ["/flagz", "/statusz"],
} satisfies ZPagesOptions;
const app = zpagesRoutes(OPTIONS);

const WARNING = "Warning: This endpoint is not meant to be machine parseable, has no formatting " +
  "compatibility guarantees and is for debugging purposes only.";

const PAGES: readonly (readonly [string, string])[] = [
  ["/flagz", `\nweir flags\n${WARNING}\n\ncluster-cidr=10.0.0.0/8\nmaster=\nv=2\n`],
  [
    "/statusz",
    `\nweir statusz\n${WARNING}\n\nStarted: Sun Oct  6 21:03:43 UTC 2024\n` +
    "Up: 29 hr 00 min 16 sec\nRuntime version: deno2.9.6\nBinary version: 0.1.0\n" +
    "Paths: /flagz /statusz\n",
  ],
];

for (const [path, text] of PAGES) {
  Deno.test(`${path} is text as Kubernetes components write it`, async () => {
    const response = await app.request(path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(await response.text(), text);
  });
}

const ACCEPTED: readonly (readonly [string, number])[] = [
  ["text/plain", 200],
  ["text/plain;charset=UTF-8", 200],
  ["application/json, */*;q=0.1", 200],
  ["text/*", 200],
  ["application/json", 406],
  ["text/plain;charset=latin1", 406],
];

for (const [accept, status] of ACCEPTED) {
  Deno.test(`/statusz answers ${status} to Accept: ${accept}`, async () => {
    const response = await app.request("/statusz", { headers: { Accept: accept } });
    assert.equal(response.status, status);
    if (status !== 406) return;
    assert.equal(await response.text(), "media type not acceptable, must be: text/plain\n");
  });
}

for (const [gate, path] of [["ComponentFlagz", "/flagz"], ["ComponentStatusz", "/statusz"]]) {
  Deno.test(`without the gate ${gate} there is no ${path}, and the other page stays`, async () => {
    const routes = zpagesRoutes({ ...OPTIONS, gates: () => ({ [gate ?? ""]: false }) });
    const answers = await Promise.all(["/flagz", "/statusz"].map((page) => routes.request(page)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      path === "/flagz" ? [404, 200] : [200, 404],
    );
  });
}
