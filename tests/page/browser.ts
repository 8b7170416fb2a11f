/**
 * Chromium, as Debian has it.
 *
 * @module
 */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** Where Debian puts it. */
export const CHROMIUM = "/usr/bin/chromium";

/** Milliseconds for whatever a page is waited for. */
const PATIENCE = 20_000;

/** A page that somebody looks at. */
export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What the console complained of, and what scripts threw. */
  readonly complaints: readonly string[];
}

/**
 * Starts Chromium.
 *
 * @returns The browser.
 */
export async function startBrowser(): Promise<Browser> {
  // When it is imported, playwright-core looks below /proc/sys whether this is Windows' Linux, which
  // Deno allows only to who may do everything. So it does not look: it is there to open browsers by
  // Windows' own means.
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { chromium } = await import("playwright-core");
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      // Root cannot have Chromium's own sandbox; a container's /dev/shm may be too small for it.
      "--no-sandbox",
      "--disable-dev-shm-usage",
      // Somebody else's name that leads here, as DNS rebinding has it.
      "--host-resolver-rules=MAP rebound.example 127.0.0.1",
    ],
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

/**
 * Opens a page in a window of its own, which knows nothing of others.
 *
 * @param browser The browser.
 * @param url Where.
 * @param options What kind of reader it is.
 * @returns The page, loaded.
 */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}
