/**
 * Makes the pictures of the page in the README anew: `deno task screenshots`, as root.
 *
 * @module
 */
import { sampleEndpoint } from "../../host/samples.ts";
import { startBrowser, visit } from "./browser.ts";
import { shopService } from "./shop.ts";
import { PAGE, showWeir } from "./shown_weir.ts";

const FOLDER = new URL("../../docs/page/", import.meta.url);

/** What is pictured, and in what light. */
const PICTURES = [
  { name: "overview", path: "/", colorScheme: "light", height: 640 },
  { name: "service", path: "/services/shop/storefront", colorScheme: "dark", height: 700 },
  { name: "sync", path: "/syncs", colorScheme: "light", height: 700 },
  { name: "profile", path: "/profile?of=proxier-nftables", colorScheme: "dark", height: 560 },
] as const;

/** Changes that are pictured: so many syncs. */
const CHANGES = 80;

await using weir = await showWeir(["--profiling", "--nodeport-addresses=all"]);
const profiled = fetch(`${PAGE}/debug/pprof/profile?seconds=5&plugin=proxier-nftables`);
for (let change = 0; change < CHANGES; change++) {
  const endpoints = Array.from(
    { length: 1 + change % 7 * 3 },
    (_, at) => sampleEndpoint(`10.244.1.${100 + at}`, { nodeName: "node-b", zone: "b" }),
  );
  await weir.write(shopService("recommendations", 40, endpoints));
  await new Promise((resume) => setTimeout(resume, 60));
}
await (await profiled).body?.cancel();

const browser = await startBrowser();
for (const { name, path, colorScheme, height } of PICTURES) {
  await using seen = await visit(browser, PAGE + path, {
    colorScheme,
    viewport: { width: 1100, height },
  });
  const { page } = seen;
  await page.getByText("Live", { exact: true }).waitFor();
  if (name === "sync") await page.getByRole("table").getByRole("link").first().click();
  await Deno.writeFile(new URL(`${name}.png`, FOLDER), await page.screenshot());
}
await browser.close();
