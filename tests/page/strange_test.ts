/**
 * Strange clusters and strange readers: what is too much, too long or written to mislead, and who
 * reads at another size, in other colours or on paper.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { sampleEndpoint, sampleService, sampleSlice } from "../../host/samples.ts";
import { violations } from "./accessibility.ts";
import { startBrowser, visit } from "./browser.ts";
import { shopService } from "./shop.ts";
import { PAGE, type ShownWeir, showWeir } from "./shown_weir.ts";

/** As long as the API lets names of Services, and of Nodes and slices, be. */
const LONG_SERVICE = "s".repeat(63);
const LONG_NAME = "n".repeat(253);

const PORTS = Array.from({ length: 1_000 }, (_, at) => (
  { name: `p${at}`, protocol: "TCP", port: 1_000 + at, nodePort: 0 }
));

const STRANGE = [
  sampleService({ namespace: "strange", name: "ports", clusterIP: "10.96.1.1", ports: PORTS }),
  sampleSlice([sampleEndpoint("10.244.2.1"), sampleEndpoint("10.244.2.2", { ready: false })], {
    namespace: "strange",
    name: "ports-1",
    serviceName: "ports",
    ports: PORTS.map(({ name, protocol, port }) => ({ name, protocol, port })),
  }),
  sampleService({ namespace: "strange", name: "endpoints", clusterIP: "10.96.1.2" }),
  ...Array.from({ length: 50 }, (_, slice) =>
    sampleSlice(
      Array.from({ length: 100 }, (_, at) => sampleEndpoint(`10.245.${slice}.${at + 1}`)),
      { namespace: "strange", name: `endpoints-${slice}`, serviceName: "endpoints" },
    )),
  sampleService({
    namespace: "strange",
    name: LONG_SERVICE,
    clusterIP: "10.96.1.3",
    trafficDistribution: "<img src=x onerror=alert(1)>",
  }),
  sampleSlice([
    sampleEndpoint("10.244.3.1", { nodeName: LONG_NAME, zone: "\u202e\u2067sdrawkcab" }),
    sampleEndpoint("10.244.3.2", { nodeName: "<b>node</b>", zone: "z".repeat(253), ready: false }),
  ], { namespace: "strange", name: LONG_NAME, serviceName: LONG_SERVICE }),
  ...shopService("nobody", 41, []),
];

const VIEWS = [
  "/",
  "/services",
  "/services/strange/ports",
  "/services/strange/endpoints",
  `/services/strange/${LONG_SERVICE}`,
  "/services/shop/nobody",
  "/syncs",
  "/plugins",
  "/profile",
];

let weir: ShownWeir;
let browser: Browser;

Deno.test.beforeAll(async () => {
  [weir, browser] = await Promise.all([showWeir(["--profiling"]), startBrowser()]);
  await weir.write(STRANGE);
  await (await fetch(`${PAGE}/debug/pprof/profile?seconds=1`)).body?.cancel();
  await using seen = await visit(browser, `${PAGE}/services?q=strange`);
  await seen.page.locator("#count", { hasText: "3 of" }).waitFor();
});

Deno.test.afterAll(async () => {
  await browser.close();
  await weir[Symbol.asyncDispose]();
});

async function live(page: Page): Promise<void> {
  await page.getByText("Live", { exact: true }).waitFor();
}

/** What is wider than the window lets it be; what scrolls by itself may. */
async function wideness(page: Page): Promise<number> {
  return await page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth
  );
}

Deno.test("whatever a cluster has, a view is of bounded size, and no text of it is markup", async () => {
  for (const path of VIEWS) {
    await using seen = await visit(browser, PAGE + path, { viewport: { width: 360, height: 740 } });
    const { page } = seen;
    await live(page);
    const elements = await page.locator("*").count();
    assert.ok(elements < 8_000, `${path} has ${elements} elements`);
    assert.equal(await wideness(page), 0, path);
    assert.equal(await page.locator("main img, main b").count(), 0, path);
    assert.doesNotMatch(await page.locator("body").innerText(), /[\u202e\u2067]/, path);
    assert.deepEqual(seen.complaints, [], path);
  }
});

Deno.test("which Service does not answer, and why, takes two clicks", async () => {
  await using seen = await visit(browser, PAGE);
  const { page } = seen;
  await page.getByRole("link", { name: /^✗ \d+ without endpoints$/ }).click();
  await page.getByRole("link", { name: "shop/nobody" }).click();
  await page.getByText("✗ rejected").waitFor();
  await page.getByText("There is no endpoint.").waitFor();
  await page.getByText("kubectl get endpointslices -n shop").waitFor();
});

Deno.test("at twice the size nothing has to be scrolled sideways but tables", async () => {
  for (const path of VIEWS) {
    await using seen = await visit(browser, PAGE + path, {
      viewport: { width: 640, height: 400 },
      deviceScaleFactor: 2,
    });
    assert.equal(await wideness(seen.page), 0, path);
  }
});

Deno.test("in the reader's own colours one sees where one is, and drawings have borders", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    await using seen = await visit(browser, `${PAGE}/syncs`, {
      forcedColors: "active",
      colorScheme,
    });
    const { page } = seen;
    await live(page);
    const style = (selector: string, property: string) =>
      page.locator(selector).first().evaluate(
        (element, name) => getComputedStyle(element).getPropertyValue(name),
        property,
      );
    assert.equal(await style("nav a[aria-current]", "text-decoration-line"), "underline");
    assert.equal(await style("td svg.bar", "outline-style"), "solid");
    const kinds = await Promise.all(
      ["waits", "host", "plugin", "kernel"].map((kind) => style(`.swatch .${kind}`, "fill")),
    );
    assert.equal(new Set(kinds).size, kinds.length, kinds.join(" "));
    assert.deepEqual(await violations(page), []);
  }
});

Deno.test("on paper it is black on white, without what cannot be pressed there", async () => {
  await using seen = await visit(browser, `${PAGE}/services/shop/storefront`, {
    colorScheme: "dark",
  });
  const { page } = seen;
  await live(page);
  await page.emulateMedia({ media: "print" });
  const colour = (property: string) =>
    page.evaluate((name) => getComputedStyle(document.body).getPropertyValue(name), property);
  assert.equal(await colour("background-color"), "rgb(255, 255, 255)");
  assert.equal(await colour("color"), "rgb(0, 0, 0)");
  for (const hidden of [page.getByRole("button"), page.getByRole("navigation")]) {
    assert.equal(await hidden.first().isVisible(), false);
  }
  const overflow = await page.locator(".scroll").first().evaluate((element) =>
    getComputedStyle(element).overflowX
  );
  assert.equal(overflow, "visible");
});

Deno.test("nothing moves by itself", async () => {
  for (const path of VIEWS) {
    await using seen = await visit(browser, PAGE + path);
    assert.equal(await seen.page.evaluate(() => document.getAnimations().length), 0, path);
  }
});

Deno.test("who reads by ear has headings in order, named tables and words for drawings", async () => {
  for (const path of VIEWS) {
    await using seen = await visit(browser, PAGE + path);
    const { page } = seen;
    const levels = await page.getByRole("heading").evaluateAll((headings) =>
      headings.map(({ localName }) => Number(localName.slice(1)))
    );
    assert.equal(levels.filter((level) => level === 1).length, 1, path);
    levels.reduce((before, level) => {
      assert.ok(level <= before + 1, `${path}: h${level} behind h${before}`);
      return level;
    }, 0);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("table, svg:not([aria-hidden])")]
        .filter((element) => !element.getAttribute("aria-label")).length
    );
    assert.equal(nameless, 0, path);
  }
});
