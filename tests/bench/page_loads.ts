/**
 * How long the page's views take: over loopback, and in Chromium until something is seen.
 *
 * @module
 */
import type { Browser, Page } from "playwright-core";
import { visit } from "../page/browser.ts";

/** A view to be loaded. */
export interface PageView {
  /** What it is called in the table. */
  readonly name: string;
  readonly path: string;
}

/** Loads of a view; times in milliseconds. */
export interface PageLoads {
  readonly view: PageView;
  /** From the request to the head of the answer. */
  readonly firstByte: readonly number[];
  /** From the request to the answer's last byte. */
  readonly whole: readonly number[];
  /** Of the answer's body. */
  readonly bytes: number;
  /** In Chromium, from the navigation's start to the first-contentful-paint. */
  readonly painted: readonly number[];
  /** Elements that Chromium makes of it. */
  readonly elements: number;
}

/** One load over loopback. */
async function load(url: string) {
  const begun = performance.now();
  const answer = await fetch(url);
  const firstByte = performance.now() - begun;
  const body = await answer.arrayBuffer();
  return { firstByte, whole: performance.now() - begun, bytes: body.byteLength };
}

/** One load in Chromium. It keeps nothing of the one before: the page may not be stored. */
async function paint(page: Page, url: string) {
  await page.goto("about:blank");
  await page.goto(url);
  return await page.evaluate(() =>
    new Promise<{ painted: number; elements: number }>((resolve) => {
      new PerformanceObserver((list) => {
        const first = list.getEntriesByName("first-contentful-paint")[0];
        if (first === undefined) return;
        resolve({ painted: first.startTime, elements: document.querySelectorAll("*").length });
      }).observe({ type: "paint", buffered: true });
    })
  );
}

/**
 * Loads views, one after the other and again from the first, so that what else the machine does
 * harms all of them alike.
 *
 * @param browser Chromium.
 * @param origin Where the page is, for example `http://localhost:10249`.
 * @param views Which views.
 * @param rounds How often each is loaded.
 * @param progress Told what is being done.
 * @returns Its loads, for each view.
 */
export async function loadViews(
  browser: Browser,
  origin: string,
  views: readonly PageView[],
  rounds: number,
  progress: (step: string) => void,
): Promise<readonly PageLoads[]> {
  const all = views.map((view) => ({
    view,
    firstByte: [] as number[],
    whole: [] as number[],
    bytes: 0,
    painted: [] as number[],
    elements: 0,
  }));
  for (let round = 1; round <= rounds; round++) {
    progress(`the page's views are loaded, ${round} of ${rounds}`);
    // A window that knows nothing of the last round's.
    await using seen = await visit(browser, "about:blank");
    for (const loads of all) {
      const { firstByte, whole, bytes } = await load(origin + loads.view.path);
      loads.firstByte.push(firstByte);
      loads.whole.push(whole);
      loads.bytes = bytes;
      const { painted, elements } = await paint(seen.page, origin + loads.view.path);
      loads.painted.push(painted);
      loads.elements = elements;
    }
  }
  return all;
}
