/**
 * What a site of somebody else gets out of weir through the browser of who operates the node.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { startBrowser, visit } from "./browser.ts";
import { PAGE, type ShownWeir, showWeir } from "./shown_weir.ts";

let weir: ShownWeir;
let browser: Browser;

Deno.test.beforeAll(async () => {
  [weir, browser] = await Promise.all([showWeir(["--profiling"]), startBrowser()]);
});

Deno.test.afterAll(async () => {
  await browser.close();
  await weir[Symbol.asyncDispose]();
});

/** What a script of the page is answered. */
function scripted(page: Page, path: string, method = "GET"): Promise<number> {
  return page.evaluate(
    async ([url, method]) => (await fetch(url, { method })).status,
    [path, method] as const,
  );
}

Deno.test("a site whose name was rebound to the node is of one origin with weir, and gets nothing", async () => {
  const origin = new URL(PAGE);
  origin.hostname = "rebound.example";
  await using seen = await visit(browser, `${origin.href}services`);
  const { page } = seen;
  await page.getByText("Ask for this by an address of the node, its name or localhost").waitFor();
  for (const path of ["/", "/configz", "/flagz", "/debug/traces", "/debug/pprof/heap", "/live"]) {
    assert.equal(await scripted(page, path), 421, path);
  }
  assert.equal(await scripted(page, "/debug/flags/v", "PUT"), 421);
  assert.equal(await scripted(page, "/metrics/slis", "DELETE"), 421);
});

Deno.test("another site cannot have weir work by a frame; a link of it is followed", async () => {
  // Of another port, and so of another origin. A site out in the world may not even ask: Chromium
  // asks its person first (Local Network Access).
  const body =
    `<iframe src="${PAGE}/debug/pprof/heap?gc=1"></iframe><iframe src="${PAGE}/syncs"></iframe>` +
    `<a href="${PAGE}/plugins">plugins</a>`;
  await using site = Deno.serve(
    { hostname: "localhost", port: 0, onListen() {} },
    () => new Response(body, { headers: { "Content-Type": "text/html" } }),
  );
  await using seen = await visit(browser, "about:blank");
  const { page } = seen;
  const statuses = new Map<string, number>();
  page.on(
    "response",
    (response) => statuses.set(new URL(response.url()).pathname, response.status()),
  );
  await page.goto(`http://localhost:${site.addr.port}/`);
  assert.deepEqual(
    [statuses.get("/debug/pprof/heap"), statuses.get("/syncs")],
    [403, 403],
  );
  await page.getByRole("link", { name: "plugins" }).click();
  await page.getByRole("region", { name: "proxier-nftables" }).waitFor();
});
