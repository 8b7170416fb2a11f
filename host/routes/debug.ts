/**
 * What the metrics server serves for who looks inside: pages about this run, and, with
 * --profiling, profiles and the log's verbosity.
 *
 * @module
 */
import { Hono } from "hono";
import type { Clock } from "../clock.ts";
import { debugFlagsRoutes } from "./debug_flags.ts";
import { pprofRoutes, type ProfileSubjects } from "./pprof.ts";
import { type ZPagesOptions, zpagesRoutes } from "./zpages.ts";

/** What the routes stand on. */
export interface DebugRoutesOptions {
  /** Undefined without --profiling: then nothing of it is served. */
  readonly profiling: ProfileSubjects | undefined;
  /** The words of the process' command line. */
  readonly commandLine: () => readonly string[];
  /** Seconds that a profile may last. */
  readonly profileSeconds: number;
  /** Takes klog's level. */
  readonly setVerbosity: (level: number) => void;
  readonly zpages: Omit<ZPagesOptions, "gates" | "paths">;
}

/** What the metrics server has in any case, and with --profiling. */
const PATHS: readonly string[] = [
  "/",
  "/configz",
  "/debug/diff",
  "/debug/explain",
  "/debug/top",
  "/debug/traces",
  "/flagz",
  "/healthz",
  "/metrics",
  "/metrics/slis",
  "/proxyMode",
  "/statusz",
];
const PROFILING_PATHS: readonly string[] = ["/debug/flags/v", "/debug/pprof/"];

/**
 * Makes the routes.
 *
 * @param options What they stand on.
 * @param gates The feature gates in force.
 * @param clock Time.
 * @returns A Hono application.
 */
export function debugRoutes(
  options: DebugRoutesOptions,
  gates: ZPagesOptions["gates"],
  clock: Clock,
): Hono {
  const { profiling, setVerbosity, zpages } = options;
  const paths = [...PATHS, ...(profiling === undefined ? [] : PROFILING_PATHS)].sort();
  const pages = new Hono().route("/", zpagesRoutes({ ...zpages, gates, paths }));
  if (profiling === undefined) return pages;
  return pages
    .route("/", debugFlagsRoutes(setVerbosity))
    .route("/", pprofRoutes({ ...options, subjects: profiling, clock }));
}
