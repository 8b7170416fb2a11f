/**
 * The plugins: what each is doing, how often it was started again, and what it may do.
 *
 * @module
 */
import type { Grants } from "../../schemas/manifest.ts";
import type { EnrolledPlugin } from "../plugin_roster.ts";
import type { PluginState } from "../sandbox/supervisor.ts";
import { LivePart } from "./document.tsx";
import { count, duration, shown } from "./words.ts";

/** What a state means, and how it is to be taken. */
const STATES: Readonly<
  Record<
    PluginState["type"],
    { readonly mark: string; readonly tone: string; readonly says: string }
  >
> = {
  ready: { mark: "✓", tone: "good", says: "ready" },
  idle: { mark: "○", tone: "soft", says: "not needed now" },
  starting: { mark: "…", tone: "warn", says: "being started" },
  waiting: { mark: "!", tone: "bad", says: "dead, to be started again" },
  parked: {
    mark: "✗",
    tone: "bad",
    says: "parked: it died too often, and is not started again before weir is; what it said last:",
  },
  stopped: { mark: "■", tone: "soft", says: "stopped" },
};

/** What has to be looked after comes first, the others as they were. */
function worseFirst(one: EnrolledPlugin, other: EnrolledPlugin): number {
  const rank = ({ state }: EnrolledPlugin) => STATES[state.type].tone === "bad" ? 0 : 1;
  return rank(one) - rank(other);
}

/** One line for each object. */
function grantsOf({ nft, conntrack, sysctl }: Grants): string[] {
  return [
    ...(nft === undefined ? [] : [`nft: read and write the table ${nft.table}`]),
    ...(conntrack === undefined ? [] : ["conntrack: have stale flows of service ports removed"]),
    ...(sysctl === undefined ? [] : sysctl.keys.map((key) => `sysctl: get and set ${key}`)),
  ];
}

function Plugin({ plugin, at }: { readonly plugin: EnrolledPlugin; readonly at: number }) {
  const { name, kind, mode, sha256, state, restarts, admitted } = plugin;
  const { mark, tone, says } = STATES[state.type];
  const grants = admitted === undefined ? [] : grantsOf(admitted.grants);
  return (
    <section class={tone === "bad" ? "card bad-card" : "card"} aria-labelledby={`plugin-${at}`}>
      <h2 id={`plugin-${at}`}>
        <span class="mono">{shown(name, 80)}</span>
      </h2>
      <p class={tone}>
        {mark} {says}
        {state.type === "waiting" ? ` in ${duration(state.delayMs)}` : ""}
      </p>
      {state.type === "waiting" || state.type === "parked" ? <pre>{shown(state.reason)}</pre> : ""}
      <dl>
        <dt>Kind</dt>
        <dd>{kind}, {mode === "warm" ? "always running" : "running while it is called"}</dd>
        <dt>Restarts</dt>
        <dd>{count(restarts)}</dd>
        <dt>Version</dt>
        <dd>{admitted === undefined ? "not started yet" : shown(admitted.manifest.version, 80)}</dd>
        <dt>May</dt>
        <dd>
          {grants.length === 0
            ? admitted === undefined ? "not started yet" : "compute, and nothing else"
            : <ul class="plain">{grants.map((grant) => <li class="mono">{shown(grant)}</li>)}</ul>}
        </dd>
        {state.type === "ready"
          ? (
            <>
              <dt>Process</dt>
              <dd class="mono">{state.pid}</dd>
            </>
          )
          : ""}
        <dt>SHA-256</dt>
        <dd class="mono">{sha256}</dd>
      </dl>
    </section>
  );
}

/**
 * The plugins.
 *
 * @param props Them.
 * @returns The view.
 */
export function PluginList({ plugins }: { readonly plugins: readonly EnrolledPlugin[] }) {
  return (
    <>
      <h1>Plugins</h1>
      <p>
        Each runs in a sandbox of its own, and may do what is listed and nothing else. Whatever
        becomes of one, the kernel keeps its last rules.
      </p>
      <LivePart id="plugins">
        {plugins.length === 0 ? <p>None has been loaded yet.</p> : (
          <div class="cards wide">
            {plugins.toSorted(worseFirst).map((plugin, at) => <Plugin plugin={plugin} at={at} />)}
          </div>
        )}
      </LivePart>
    </>
  );
}
