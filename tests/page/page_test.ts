/**
 * The page in a real browser, of a weir that programs a real kernel.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { sampleEndpoint } from "../../host/samples.ts";
import { violations } from "./accessibility.ts";
import { startBrowser, visit } from "./browser.ts";
import { shopService } from "./shop.ts";
import { PAGE, type ShownWeir, showWeir } from "./shown_weir.ts";

const VIEWS = ["/", "/services", "/services/shop/storefront", "/syncs", "/plugins", "/profile"];

let weir: ShownWeir;
let browser: Browser;

Deno.test.beforeAll(async () => {
  [weir, browser] = await Promise.all([showWeir(["--profiling"]), startBrowser()]);
  await (await fetch(`${PAGE}/debug/pprof/profile?seconds=1`)).body?.cancel();
});

Deno.test.afterAll(async () => {
  await browser.close();
  await weir[Symbol.asyncDispose]();
});

/** Until the page is told what is new. */
async function live(page: Page): Promise<void> {
  await page.getByText("Live", { exact: true }).waitFor();
}

for (const colorScheme of ["light", "dark"] as const) {
  Deno.test(`every view is accessible and without an error, ${colorScheme}`, async () => {
    const backgrounds = new Set<string>();
    for (const path of VIEWS) {
      await using seen = await visit(browser, PAGE + path, { colorScheme });
      await live(seen.page);
      assert.deepEqual(await violations(seen.page), [], path);
      assert.deepEqual(seen.complaints, [], path);
      const colour = await seen.page.evaluate(() =>
        getComputedStyle(document.body).backgroundColor
      );
      backgrounds.add(colour);
    }
    assert.deepEqual([...backgrounds], [
      colorScheme === "light" ? "rgb(246, 248, 250)" : "rgb(14, 20, 26)",
    ]);
  });
}

Deno.test("nothing has to be scrolled sideways on a telephone but tables, and axe agrees", async () => {
  for (const path of VIEWS) {
    const viewport = { width: 360, height: 740 };
    await using seen = await visit(browser, PAGE + path, { viewport });
    await live(seen.page);
    const wide = await seen.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= viewport.width, `${path} is ${wide} px wide`);
    assert.deepEqual(await violations(seen.page), [], path);
  }
});

Deno.test("the first view leads to the plugins, a sync's spans and the profile", async () => {
  await using seen = await visit(browser, PAGE);
  const { page } = seen;
  await page.getByText("✓ Healthy").waitFor();
  await page.getByRole("table").getByRole("link").first().click();
  await page.getByRole("rowheader", { name: "weir.netlink.send" }).first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("link", { name: "Plugins" }).click();
  const proxier = page.getByRole("region", { name: "proxier-nftables" });
  await proxier.getByText("✓ ready").waitFor();
  await proxier.getByText("nft: read and write the table weir").waitFor();
  await page.getByRole("link", { name: "Profile", exact: true }).click();
  await page.getByRole("img", { name: /Flame graph of weir/ }).waitFor();
  assert.deepEqual(seen.complaints, []);
});

Deno.test("a Service that comes, and goes, is seen without a reload", async () => {
  await weir.write([]);
  await using seen = await visit(browser, `${PAGE}/services`);
  const { page } = seen;
  await live(page);
  await page.evaluate("globalThis.unloaded = false");
  const row = page.getByRole("link", { name: "shop/voucher" });
  assert.equal(await row.count(), 0);
  await weir.write(shopService("voucher", 40, [sampleEndpoint("10.244.1.40")]));
  await row.waitFor();
  await weir.write([]);
  await row.waitFor({ state: "detached" });
  assert.equal(await page.evaluate("globalThis.unloaded"), false);
  assert.deepEqual(seen.complaints, []);
});

Deno.test("a picture follows its endpoints, and what one has opened and where one is stays", async () => {
  await weir.write(shopService("voucher", 40, [sampleEndpoint("10.244.1.40")]));
  await using seen = await visit(browser, `${PAGE}/services`);
  const { page } = seen;
  await page.getByRole("link", { name: "shop/voucher" }).click();
  await page.getByRole("cell", { name: "100 %" }).waitFor();
  await live(page);
  const rules = page.locator("summary", { hasText: "10.96.0.40:80" });
  await rules.click();
  await page.getByRole("cell", { name: /10\.96\.0\.40/ }).first().waitFor();
  await rules.focus();
  const two = [sampleEndpoint("10.244.1.40"), sampleEndpoint("10.244.1.41")];
  await weir.write(shopService("voucher", 40, two));
  await page.getByRole("cell", { name: "50 %" }).nth(1).waitFor();
  assert.equal(await page.locator("details").first().getAttribute("open"), "");
  assert.equal(await rules.evaluate((element) => element === document.activeElement), true);
});

Deno.test("what stays the same stays in place: under a finger, and while it is copied", async () => {
  await weir.write([]);
  await using seen = await visit(browser, `${PAGE}/services`);
  const { page } = seen;
  await live(page);
  await page.evaluate(() => {
    const link = document.querySelector("a[href='/services/shop/search']");
    const address = link?.closest("tr")?.querySelector("td.mono");
    if (address) getSelection()?.selectAllChildren(address);
  });
  const pressed = await page.getByRole("link", { name: "shop/search" }).elementHandle();
  await weir.write(shopService("aaa", 40, [sampleEndpoint("10.244.1.40")]));
  await page.getByRole("link", { name: "shop/aaa" }).waitFor();
  assert.equal(await page.evaluate(() => String(getSelection())), "10.96.0.14");
  assert.equal(await pressed?.evaluate((element) => element.isConnected), true);
  await weir.write([]);
  await page.getByRole("link", { name: "shop/aaa" }).waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => String(getSelection())), "10.96.0.14");
});

Deno.test("a reader who cannot see is told what a search found, and not of every change", async () => {
  await weir.write([]);
  await using seen = await visit(browser, `${PAGE}/services`);
  const { page } = seen;
  await live(page);
  const told = page.locator("#search + [role=status]");
  assert.equal(await told.textContent(), "");
  await page.getByRole("searchbox").fill("cart");
  await page.locator("#search + [role=status]", { hasText: /^1 of \d+ Services$/ }).waitFor();
  await weir.write(shopService("cart-2", 40, []));
  await page.getByRole("link", { name: "shop/cart-2" }).waitFor();
  assert.match(await told.textContent() ?? "", /^1 of /);
});

Deno.test("a page that is one too many to be told of news asks by itself", async () => {
  await weir.write([]);
  await using all = new AsyncDisposableStack();
  for (let listener = 1; listener <= 16; listener++) {
    const { body } = await fetch(`${PAGE}/live`);
    all.defer(async () => await body?.cancel());
  }
  await using seen = await visit(browser, `${PAGE}/services`);
  await seen.page.getByText("Every 5 s").waitFor();
  await weir.write(shopService("voucher", 40, []));
  await seen.page.getByRole("link", { name: "shop/voucher" }).waitFor();
  assert.equal(await seen.page.locator("#stale").isVisible(), false);
});

Deno.test("a weir that hangs is no weir that lives: the page says since when it knows nothing", async () => {
  await using seen = await visit(browser, "about:blank");
  const { page } = seen;
  await page.clock.install();
  await page.goto(PAGE);
  await live(page);
  weir.process.kill("SIGSTOP");
  try {
    await page.clock.runFor(46_000);
    await page.getByText("weir does not answer", { exact: true }).waitFor();
    await page.clock.runFor(3_000);
    const alert = page.getByRole("alert");
    await alert.filter({ hasText: /was so at \d\d:\d\d:\d\d UTC, and may not be/ }).waitFor();
    assert.deepEqual(await violations(page), []);
  } finally {
    weir.process.kill("SIGCONT");
  }
  await page.clock.resume();
  await live(page);
  await page.locator("#stale").waitFor({ state: "hidden" });
});

Deno.test("one who has paused is left alone until they go on", async () => {
  await weir.write([]);
  await using seen = await visit(browser, `${PAGE}/services`);
  const { page } = seen;
  await live(page);
  const pause = page.getByRole("button", { name: "Pause" });
  await pause.click();
  await page.getByText("Paused").waitFor();
  await weir.write(shopService("voucher", 40, []));
  await using other = await visit(browser, `${PAGE}/services`);
  await other.page.getByRole("link", { name: "shop/voucher" }).waitFor();
  await page.waitForTimeout(1_000);
  const row = page.getByRole("link", { name: "shop/voucher" });
  assert.equal(await row.count(), 0);
  assert.equal(await pause.getAttribute("aria-pressed"), "true");
  await pause.click();
  await row.waitFor();
});

Deno.test("a search finds while one types, and its address can be handed on", async () => {
  await using seen = await visit(browser, `${PAGE}/services`);
  const { page } = seen;
  await page.getByRole("searchbox").fill("203.0.113");
  await page.locator("#count", { hasText: /^1 of \d+ Services$/ }).waitFor();
  await page.getByRole("link", { name: "shop/storefront" }).waitFor();
  assert.match(page.url(), /\?q=203\.0\.113$/);
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("Without endpoints only").check();
  await page.getByRole("link", { name: "shop/storefront" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "shop/mail" }).waitFor();
  await using other = await visit(browser, page.url());
  await other.page.getByRole("link", { name: "shop/mail" }).waitFor();
  assert.equal(await other.page.getByLabel("Without endpoints only").isChecked(), true);
});

Deno.test("without JavaScript all can be read, and a search takes a press of Enter", async () => {
  for (const path of VIEWS) {
    await using seen = await visit(browser, PAGE + path, { javaScriptEnabled: false });
    await seen.page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await seen.page.getByRole("button", { name: "Pause" }).count(), 0);
  }
  await using seen = await visit(browser, `${PAGE}/services`, { javaScriptEnabled: false });
  const { page } = seen;
  await page.getByRole("searchbox").fill("cart");
  await page.keyboard.press("Enter");
  await page.getByText(/^1 of \d+ Services$/).waitFor();
  await page.getByRole("link", { name: "shop/cart" }).click();
  await page.getByRole("cell", { name: "50 %" }).first().waitFor();
});

Deno.test("the keyboard goes through the page in the order of reading, and can skip to what it is about", async () => {
  await using seen = await visit(browser, `${PAGE}/services`);
  const { page } = seen;
  await live(page);
  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      const names = [at?.getAttribute("aria-label"), at?.getAttribute("name"), at?.textContent];
      return names.find((name) => name)?.trim();
    });
  const order: unknown[] = [];
  for (let stop = 0; stop < 13; stop++) {
    await page.keyboard.press("Tab");
    order.push(await focused());
  }
  assert.deepEqual(order, [
    "Skip to the content",
    "weir",
    "Overview",
    "Services",
    "Syncs",
    "Plugins",
    "Profile",
    "Pause",
    "q",
    "unserved",
    "Search",
    "Services",
    "shop/cart",
  ]);
  await page.reload();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "q");
});

Deno.test("a script or a style that found its way in would not run", async () => {
  await using seen = await visit(browser, PAGE);
  const { page } = seen;
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.attacked = true";
    const image = document.createElement("img");
    image.setAttribute("onerror", "globalThis.attacked = true");
    image.src = "data:,";
    document.body.setAttribute("style", "display: none");
    document.body.append(script, image);
  });
  await page.waitForTimeout(200);
  assert.equal(await page.evaluate("globalThis.attacked ?? false"), false);
  assert.equal(await page.getByRole("heading", { level: 1 }).isVisible(), true);
  assert.ok(seen.complaints.some((text) => /Content Security Policy/.test(text)));
});

Deno.test("weir ends at once though people look at it, and their pages say so", async () => {
  await using seen = await visit(browser, PAGE);
  await live(seen.page);
  const begun = performance.now();
  weir.process.kill("SIGTERM");
  const { code } = await weir.process.ended();
  assert.equal(code, 0);
  assert.ok(performance.now() - begun < 2_000);
  await seen.page.getByText("weir does not answer", { exact: true }).waitFor();
  await seen.page.getByRole("alert").filter({ hasText: /was so at/ }).waitFor();
});
