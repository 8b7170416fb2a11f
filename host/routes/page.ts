/**
 * Where the page is served: its paths, and nothing of it before somebody asks for one of them.
 *
 * @module
 */
import { Hono } from "hono";
import type { Clock } from "../clock.ts";
import type { PageFacts } from "../page/facts.ts";
import type { pageApp, PageBindings } from "../page/page.tsx";

/** The page's paths. */
const PATHS: readonly string[] = [
  "/",
  "/services",
  "/services/:namespace/:name",
  "/syncs",
  "/syncs/:id",
  "/plugins",
  "/profile",
  "/live",
];

/**
 * Makes the routes. A request comes with the signal that ends its server.
 *
 * @param facts What the page shows.
 * @param clock Time.
 * @returns A Hono application.
 */
export function pageRoutes(facts: PageFacts, clock: Clock): Hono<{ Bindings: PageBindings }> {
  let app: ReturnType<typeof pageApp> | undefined;
  return new Hono<{ Bindings: PageBindings }>().on("GET", [...PATHS], async (context) => {
    // A proxy at whose page nobody looks need not hold it.
    app ??= import("../page/page.tsx").then(({ pageApp }) => pageApp(facts, clock));
    return (await app).fetch(context.req.raw, context.env);
  });
}
