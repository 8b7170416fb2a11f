/**
 * The first view: is all well, and how fast is it?
 *
 * @module
 */
import type { EnrolledPlugin } from "../plugin_roster.ts";
import type { HealthReport } from "../routes/proxy_health.ts";
import { PARKED_REMEDY } from "../sandbox/restarts.ts";
import type { Silence } from "../source/silence.ts";
import type { TraceRecord } from "../telemetry/span.ts";
import { LivePart } from "./document.tsx";
import type { PageFacts } from "./facts.ts";
import { didSomething, durationOf, syncFigures } from "./figures.ts";
import { isUnserved } from "./service_list.ts";
import { SyncTable } from "./sync_views.tsx";
import { count, counted, duration, shown } from "./words.ts";

/** Syncs that are listed here. */
const LISTED = 5;
/** Units of the chart's height. */
const HEIGHT = 100;
/** Bars that the chart has room for at least, so that a few are no walls. */
const FEWEST_BARS = 60;

/** Something that is wrong, and where there is more of it. */
interface Ailment {
  readonly says: string;
  readonly more?: { readonly path: string; readonly name: string };
}

/** What is wrong, one sentence each: why /healthz says no, and what it does not tell. */
function ailments(
  { healthy, nodeEligible, plugins = {}, configuration }: HealthReport,
  all: readonly EnrolledPlugin[],
  silent: { readonly silence: Silence; readonly now: number } | undefined,
  last: TraceRecord | undefined,
): Ailment[] {
  const more = { path: "/plugins", name: "Plugins" };
  const parked = new Map(Object.entries(plugins).map(([name, { reason }]) => [name, reason]));
  const waiting = new Map<string, string>();
  for (const { name, state } of all) {
    if (state.type === "parked") parked.set(name, state.reason);
    if (state.type === "waiting") waiting.set(name, state.reason);
  }
  const error = last?.spans[0].error;
  return [
    ...(healthy ? [] : [{ says: "A change has been waiting for longer than two sync periods." }]),
    ...(nodeEligible === false
      ? [{
        says:
          "The Node is missing, being deleted or about to be: it is not to get new connections.",
      }]
      : []),
    ...(silent === undefined ? [] : [{
      says: `Nothing is heard of ${silent.silence.plural} for ${
        duration(silent.now - silent.silence.since)
      }, and the kernel keeps the rules of before: ${shown(silent.silence.reason)} (${
        shown(silent.silence.remedy)
      }).`,
    }]),
    ...[...parked].map(([name, reason]) => (
      { says: `Plugin ${shown(name, 80)} is parked: ${shown(reason)}; ${PARKED_REMEDY}.`, more }
    )),
    ...[...waiting].map(([name, reason]) => (
      { says: `Plugin ${shown(name, 80)} died, and is to be started again: ${shown(reason)}`, more }
    )),
    ...(last === undefined || error === undefined ? [] : [{
      says: `The last sync failed, and the kernel has what it had before: ${shown(error)}`,
      more: { path: `/syncs/${last.traceId}`, name: "The sync" },
    }]),
    ...(configuration === undefined ? [] : [{
      says: "What the configuration file says is not in force: " +
        configuration.problems.map((problem) => shown(problem)).join("; "),
    }]),
  ];
}

/** How many Services some connection to finds nobody; as the table of them counts. */
function unservedOf({ tracker, revisions }: Pick<PageFacts, "tracker" | "revisions">): number {
  let unserved = 0;
  for (const key of tracker.keys()) {
    if (revisions.of(key).some(isUnserved)) unserved++;
  }
  return unserved;
}

/** Milliseconds at the foot of the chart. */
const FASTEST = 0.1;

/** Logarithmic: beside a first sync, which takes a hundred times as long, the others still differ. */
function heightOf(milliseconds: number, slowest: number): number {
  if (milliseconds <= FASTEST) return 0;
  return Math.log(milliseconds / FASTEST) / Math.log(slowest / FASTEST);
}

function Chart({ traces }: { readonly traces: readonly TraceRecord[] }) {
  const durations = traces.map(durationOf).reverse();
  const slowest = Math.max(...durations, 0.001);
  const room = Math.max(FEWEST_BARS, durations.length);
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${room} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`How long the last ${
        counted(traces.length, "sync")
      } took, the newest on the right`}
    >
      {durations.map((value, at) => {
        const height = Math.max(1, heightOf(value, slowest) * HEIGHT);
        const failed = traces[traces.length - 1 - at]?.spans[0].error !== undefined;
        return (
          <rect
            class={failed ? "failed" : ""}
            x={room - durations.length + at + 0.1}
            y={(HEIGHT - height).toFixed(1)}
            width="0.8"
            height={height.toFixed(1)}
          />
        );
      })}
    </svg>
  );
}

/** What the view shows. */
export interface OverviewProps {
  readonly facts: PageFacts;
  /** How many syncs are kept at most. */
  readonly kept: number;
}

/**
 * The first view.
 *
 * @param props What it shows.
 * @returns The view.
 */
export function Overview({ facts, kept }: OverviewProps) {
  const { revisions, tracker, traces, mode, node } = facts;
  const { code, report } = facts.health();
  const last = traces.last(kept);
  const figures = syncFigures(last, facts.now(), facts.startedAt, kept);
  const { services, endpointSlices } = tracker.pending;
  const waiting = services + endpointSlices;
  const silence = facts.silence();
  const silent = silence && { silence, now: facts.now() };
  const reasons = ailments(report, facts.plugins(), silent, last[0]);
  const unserved = unservedOf(facts);
  const telling = last.filter(didSomething);
  const started = revisions.revision > 0;
  return (
    <>
      <h1>
        Node <span class="mono">{node()}</span>
      </h1>
      <LivePart id="overview">
        {reasons.length === 0 ? "" : (
          <div class="notes bad-notes">
            <ul class="plain">
              {reasons.map(({ says, more }) => (
                <li>
                  {says} {more === undefined ? "" : <a href={more.path}>{more.name}</a>}
                </li>
              ))}
            </ul>
          </div>
        )}
        <ul class="cards">
          <li class={code === 200 ? "card" : "card bad-card"}>
            <span class={`figure ${code === 200 ? "good" : "bad"}`}>
              {code === 200 ? "✓ Healthy" : "✗ Unhealthy"}
            </span>
            <span class="soft">as /healthz tells a load balancer</span>
          </li>
          <li class="card">
            <span class="figure">{started ? count(revisions.revision) : "–"}</span>
            <span class="soft">
              revision, by <span class="mono">{shown(mode(), 80)}</span>
              {waiting > 0 ? `; ${counted(waiting, "change")} waiting` : ""}
            </span>
          </li>
          <li class="card">
            <span class="figure">{figures.perSecond.toFixed(2)}</span>
            <span class="soft">syncs a second, in the last minute</span>
          </li>
          <li class="card">
            <span class="figure">{duration(figures.p99)}</span>
            <span class="soft">
              p99 from a change to the kernel, median {duration(figures.median)}
            </span>
          </li>
          <li class="card">
            <span class="figure">
              <a href="/services">{count(tracker.size)}</a>
            </span>
            <span class="soft">
              Services with {counted(revisions.size, "service port")} in the kernel
            </span>
            {unserved === 0 ? "" : (
              <div>
                <a class="bad" href="/services?unserved=1">
                  ✗ {count(unserved)} without endpoints
                </a>
              </div>
            )}
          </li>
        </ul>
        {telling.length === 0 ? "" : (
          <>
            <h2>How long syncs take</h2>
            <div class="card">
              <Chart traces={telling} />
              <p class="soft">
                {counted(telling.length, "sync")}, the newest on the right, by a logarithmic scale;
                the slowest took {duration(figures.slowest)}. {figures.failed > 0
                  ? <span class="bad">{counted(figures.failed, "sync")} failed.</span>
                  : "None failed."}
              </p>
            </div>
          </>
        )}
        <h2>The last syncs</h2>
        <SyncTable traces={last.slice(0, LISTED)} label="The last syncs" />
        {last.length > LISTED
          ? (
            <p>
              <a href="/syncs">All of the last syncs</a>
            </p>
          )
          : ""}
      </LivePart>
    </>
  );
}
