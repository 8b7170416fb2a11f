/**
 * The last syncs, and one of them as a waterfall of its spans.
 *
 * @module
 */
import type { SpanAttributes, TraceRecord } from "../telemetry/span.ts";
import { LivePart } from "./document.tsx";
import { didSomething, durationOf } from "./figures.ts";
import { Table } from "./table.tsx";
import { type Step, waterfall } from "./waterfall.ts";
import { count, duration, moment, shown } from "./words.ts";

/** Units of the drawings' width. */
const WIDTH = 1_000;
/** What is not too thin to be seen. */
const THINNEST = 4;

/** Whose time a span can be, and what that is called. */
const KINDS = {
  waits: "waiting",
  host: "weir",
  plugin: "the plugin",
  kernel: "the kernel",
  failed: "what failed",
} as const;

/** Whose time a span is. */
type Kind = keyof typeof KINDS;

function kindOf({ span: { name, error } }: Step): Kind {
  if (error !== undefined) return "failed";
  if (name === "weir.queue" || name.endsWith(".queue")) return "waits";
  if (/^(weir\.)?plugin\./.test(name)) return "plugin";
  return name.startsWith("weir.netlink.") || name.startsWith("weir.capability") ? "kernel" : "host";
}

/** One path for each kind, however many spans: a list draws thousands of them. */
function Bar({ steps, told }: { readonly steps: readonly Step[]; readonly told?: string }) {
  const kinds = Map.groupBy(steps, kindOf);
  return (
    <svg
      class="bar"
      viewBox={`0 0 ${WIDTH} 10`}
      preserveAspectRatio="none"
      {...(told === undefined ? { "aria-hidden": "true" } : { role: "img", "aria-label": told })}
    >
      {(Object.keys(KINDS) as Kind[]).map((kind) => {
        const some = kinds.get(kind);
        if (some === undefined) return "";
        const drawn = some.map(({ begin, share }) => {
          const width = Math.max(THINNEST, Math.round(share * WIDTH));
          const x = Math.min(WIDTH - THINNEST, Math.round(begin * WIDTH));
          return `M${x} 0h${width}v10h-${width}z`;
        });
        return <path class={kind} d={drawn.join("")} />;
      })}
    </svg>
  );
}

/** The same in words. */
function timesOf(steps: readonly Step[]): string {
  const kinds = Map.groupBy(steps, kindOf);
  return (Object.keys(KINDS) as Kind[]).flatMap((kind) => {
    const some = kinds.get(kind);
    if (some === undefined) return [];
    const milliseconds = some.reduce((sum, step) => sum + step.milliseconds, 0);
    return [`${KINDS[kind]} ${duration(milliseconds)}`];
  }).join(", ");
}

function Attributes({ attributes }: { readonly attributes: SpanAttributes }) {
  const told = Object.entries(attributes).filter(([, value]) => value !== undefined);
  if (told.length === 0) return null;
  return (
    <span class="soft mono">
      {told.map(([name, value]) =>
        `${shown(name, 80).replace(/^weir\./, "")}=${shown(String(value), 200)}`
      ).join("  ")}
    </span>
  );
}

/** Without nesting: what the stages took, for one line. */
function stagesOf(trace: TraceRecord): readonly Step[] {
  const all = waterfall(trace);
  const leaves = all.filter((step, index) => (all[index + 1]?.depth ?? 0) <= step.depth);
  return leaves.filter(({ span }) => span.name !== "weir.event");
}

/** Syncs to list. */
export interface SyncTableProps {
  /** The newest first. */
  readonly traces: readonly TraceRecord[];
  readonly label: string;
}

/**
 * Lists syncs.
 *
 * @param props The syncs.
 * @returns A table.
 */
export function SyncTable({ traces, label }: SyncTableProps) {
  if (traces.length === 0) {
    return (
      <p>
        No sync has ended yet: there is a first one once the API server, or the folder of manifests,
        has told of all Services and EndpointSlices. Until then the log says what weir waits for.
      </p>
    );
  }
  return (
    <Table
      label={label}
      columns={["Began", "Kind", "#Revision", "#Events", "#Services", "#Took", "Stages", "Outcome"]}
    >
      {traces.map((trace) => {
        const [{ attributes, startedAt, error }] = trace.spans;
        const stages = stagesOf(trace);
        const number = (name: string) => {
          const value = attributes[name];
          return typeof value === "number" ? count(value) : "–";
        };
        return (
          <tr>
            <th scope="row">
              <a
                class={`mono moment ${error === undefined ? "" : "bad"}`}
                href={`/syncs/${trace.traceId}`}
              >
                {error === undefined ? "" : "✗ "}
                {moment(startedAt)}
              </a>
            </th>
            <td>{shown(String(attributes["weir.sync.kind"] ?? "–"), 40)}</td>
            <td class="number">{number("weir.revision")}</td>
            <td class="number">{number("weir.events")}</td>
            <td class="number">{number("weir.services")}</td>
            <td class="number">{duration(durationOf(trace))}</td>
            <td class="bar">
              <Bar steps={stages} told={timesOf(stages)} />
            </td>
            <td class={error === undefined ? "good" : "bad"}>
              {error !== undefined ? "✗ failed" : didSomething(trace) ? "done" : "nothing to do"}
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function Legend() {
  return (
    <p class="soft">
      Bars:
      {(Object.keys(KINDS) as Kind[]).map((kind) => (
        <>
          <svg class="bar swatch" viewBox="0 0 10 10" aria-hidden="true">
            <rect class={kind} width="10" height="10" />
          </svg>
          {KINDS[kind]}
        </>
      ))}
    </p>
  );
}

/**
 * The last syncs.
 *
 * @param props The newest first.
 * @returns The view.
 */
export function Syncs({ traces }: Pick<SyncTableProps, "traces">) {
  return (
    <>
      <h1>The last syncs</h1>
      <p>
        Each began with a change of the cluster, or of what weir was told, and ended when the kernel
        had acknowledged the rules.
      </p>
      <Legend />
      <LivePart id="syncs">
        <SyncTable traces={traces} label="The last syncs" />
      </LivePart>
    </>
  );
}

function SpanRow({ step }: { readonly step: Step }) {
  const { span, depth, after, milliseconds } = step;
  return (
    <tr>
      <th scope="row" class={`mono d${Math.min(6, depth)}`}>{shown(span.name, 120)}</th>
      <td class="number">{after < 0 ? `−${duration(-after)}` : duration(after)}</td>
      <td class="number">{duration(milliseconds)}</td>
      <td class="bar">
        <Bar steps={[step]} />
        <Attributes attributes={span.attributes} />
        {span.error === undefined ? "" : <p class="bad">{shown(span.error)}</p>}
        {span.events.map((event) => (
          <p class="soft">
            {shown(event.name, 120)} <Attributes attributes={event.attributes} />
          </p>
        ))}
      </td>
    </tr>
  );
}

/**
 * One sync.
 *
 * @param props The sync.
 * @returns The view.
 */
export function Sync({ trace }: { readonly trace: TraceRecord }) {
  const [root] = trace.spans;
  return (
    <>
      <h1>Sync of {moment(root.startedAt)}</h1>
      <p>
        {root.error === undefined
          ? <span class="good">Done</span>
          : <span class="bad">Failed: {shown(root.error)}</span>} after{" "}
        {duration(durationOf(trace))}. Trace{" "}
        <a class="mono" href={`/debug/traces/${trace.traceId}`}>{trace.traceId}</a>
        {trace.dropped > 0 ? `, without ${count(trace.dropped)} spans beyond the limit` : ""}.
      </p>
      {trace.sampled ? "" : (
        <p class="soft">
          Nobody looked at syncs when it ran, so the plugin was not asked for spans of its own. From
          now on it is, for a quarter of an hour after each look.
        </p>
      )}
      <Legend />
      <Table label="Spans" columns={["Span", "#After", "#Took", "When"]}>
        {waterfall(trace).map((step) => <SpanRow step={step} />)}
      </Table>
    </>
  );
}
