/**
 * The page for tests: of a tracker and revisions that are real, without a plugin or a kernel.
 *
 * @module
 */
import type { KubeObject } from "../../schemas/kube.ts";
import { WeirError } from "../../schemas/errors.ts";
import { Revisions } from "../diff.ts";
import { explain } from "../explain/explain.ts";
import { readQuestion } from "../explain/question.ts";
import { resolveService } from "../resolver/resolve.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { recordingTracing } from "../telemetry/recording_tracing.ts";
import { TraceRing } from "../telemetry/trace_ring.ts";
import { Tracker } from "../tracker.ts";
import type { PageFacts } from "./facts.ts";
import { pageApp } from "./page.tsx";

/** 2026-01-01T00:00:00Z, when the clock of a sample starts. */
export const SAMPLE_START = Date.UTC(2026, 0, 1);

/** A page with what it stands on. */
export interface SamplePage {
  readonly clock: SimulatedClock;
  /** Ends the servers. */
  readonly closing: AbortController;
  /**
   * Has the page know these objects, and a sync of them.
   *
   * @param objects New and changed ones.
   * @param error Why the sync fails; undefined when it does not.
   */
  sync(objects: readonly KubeObject[], error?: string): Promise<void>;
  /**
   * Asks for a view.
   *
   * @param path With its query.
   * @param headers Of the request; its Host is localhost unless another is given.
   * @param method GET unless another is given.
   * @returns The answer.
   */
  ask(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Response>;
  /**
   * Asks for the text of a view.
   *
   * @param path With its query.
   * @returns The document.
   */
  read(path: string): Promise<string>;
}

/**
 * Makes a page.
 *
 * @param others Facts that are not as ever.
 * @returns The page.
 */
export async function samplePage(others: Partial<PageFacts> = {}): Promise<SamplePage> {
  const clock = new SimulatedClock(SAMPLE_START);
  const tracker = new Tracker({ nodeName: "here", startedAt: SAMPLE_START });
  tracker.accept([
    { type: "synced", kind: "Service", at: SAMPLE_START },
    { type: "synced", kind: "EndpointSlice", at: SAMPLE_START },
  ]);
  const revisions = new Revisions();
  const traces = new TraceRing();
  const { tracing } = recordingTracing(() => clock.now(), { finished: (it) => traces.add(it) });
  const node = () => ({
    name: "here",
    zone: tracker.zone,
    addresses: tracker.addresses,
    ignoresExternalIPs: false,
  });
  const none = () => {
    throw new WeirError("WEIR_KERNEL", 'Cannot list "conntrack": there is no kernel here');
  };
  const facts: PageFacts = {
    node: () => "here",
    version: "1.2.3",
    mode: () => "nftables",
    startedAt: SAMPLE_START,
    now: () => clock.now(),
    health: () => ({ code: 200, report: { lastUpdated: "", currentTime: "", healthy: true } }),
    silence: () => undefined,
    tracker,
    revisions,
    traces,
    plugins: () => [],
    profiles: undefined,
    explain: (service) =>
      explain(readQuestion({ service }), {
        tracker,
        revisions,
        node,
        settings: () => ({
          families: ["IPv4", "IPv6"],
          masqueradeAll: false,
          masqueradeBit: 14,
          localMatches: [],
          nodePorts: { type: "every" },
          serviceCIDRs: [],
        }),
        proxier: () => "proxier-sample",
        explain: async ({ ip }) => [{ at: "map services", match: ip, outcome: "goto endpoints" }],
        traffic: async () => undefined,
        conntrack: none,
        turn: () => Promise.resolve(),
        now: () => clock.now(),
      }),
    looked: () => {},
    ...others,
  };
  const app = await pageApp(facts, clock);
  const closing = new AbortController();
  const ask: SamplePage["ask"] = async (path, headers = {}, method = "GET") =>
    await app.request(path, { method, headers: { Host: "localhost:10249", ...headers } }, {
      closing: closing.signal,
    });
  return {
    clock,
    closing,
    async sync(objects, error) {
      const at = clock.now();
      tracker.accept(objects.map((object) => ({ type: "upsert", object, at }) as const));
      const attributes = { "weir.sync.kind": "partial" };
      await tracing.sync(attributes, at, async (span) => {
        await clock.advance(2);
        const updates = tracker.take().services.map(({ key, service, slices }) => ({
          key,
          views: resolveService(service, slices, node()).views,
        }));
        revisions.advance(updates);
        span.set({ "weir.revision": revisions.revision, "weir.services": updates.length });
        await span.run("weir.plugin.call", { "weir.method": "apply" }, () => clock.advance(3));
        if (error !== undefined) throw new Error(error);
      }).catch(() => {});
    },
    ask,
    read: async (path) => await (await ask(path)).text(),
  };
}
