/**
 * What a plugin's life, its calls, its batches and its own samples tell the metrics.
 *
 * @module
 */
import { Counter, Gauge } from "prom-client";
import type { CommitRecord } from "../capabilities/nft/kernel.ts";
import type { PluginStateName, SandboxEvent } from "../sandbox/event.ts";
import type { MetricRegistry } from "./metrics.ts";

/** All states, so that each has a series from the first event on. */
const STATES: Readonly<Record<PluginStateName, true>> = {
  idle: true,
  starting: true,
  ready: true,
  waiting: true,
  parked: true,
  stopped: true,
};

type Sample = Extract<SandboxEvent, { readonly type: "metric" }>;

/** A plugin's own metric: its first sample fixes its kind and labels. */
interface CustomMetric {
  readonly kind: Sample["kind"];
  readonly labels: string;
  readonly record: (sample: Sample, plugin: string) => void;
}

/** Records the events of every plugin of a process. */
export class PluginMetrics {
  readonly #registry: MetricRegistry;
  readonly #custom = new Map<string, CustomMetric>();
  readonly #dead = new Set<string>();

  /** @param registry Where to record. */
  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  /**
   * Records one event of a plugin. Capability invocations are left to traces and, for nft, to
   * {@linkcode PluginMetrics.commit}.
   *
   * @param plugin The plugin's name.
   * @param event What happened.
   */
  event(plugin: string, event: SandboxEvent): void {
    const { metrics } = this.#registry;
    switch (event.type) {
      case "state":
        this.#state(plugin, event.state);
        break;
      case "death":
        this.#dead.add(plugin);
        break;
      case "frame":
        metrics.pluginFrameBytes.inc({ plugin, direction: event.direction }, event.bytes);
        break;
      case "call": {
        const seconds = (event.endedAt - event.startedAt) / 1000;
        const labels = { plugin, method: event.method };
        metrics.pluginCallDuration.observe(labels, seconds, traceIdOf(event.traceparent));
        break;
      }
      case "metric":
        this.#sample(plugin, event);
        break;
      case "invoke":
        break;
    }
  }

  /**
   * Records one batch for the kernel.
   *
   * @param plugin The plugin that committed it.
   * @param commit What it was and how it ended.
   */
  commit(plugin: string, commit: CommitRecord): void {
    const { metrics } = this.#registry;
    metrics.netlinkBatches.inc({ plugin });
    metrics.netlinkMessages.inc({ plugin }, commit.messages);
    metrics.netlinkBytes.inc({ plugin }, commit.bytes);
    metrics.netlinkBatchDuration.observe({ plugin }, commit.milliseconds / 1000);
    if (commit.refused !== "") metrics.netlinkErrors.inc({ plugin, errno: commit.refused });
  }

  #state(plugin: string, state: PluginStateName): void {
    const { metrics } = this.#registry;
    for (const each of Object.keys(STATES)) {
      metrics.pluginState.set({ plugin, state: each }, each === state ? 1 : 0);
    }
    metrics.pluginParked.set({ plugin }, state === "parked" ? 1 : 0);
    // Zero from the first start on, so that the first restart is an increase to rate().
    metrics.pluginRestarts.inc({ plugin }, 0);
    if (state === "starting" && this.#dead.delete(plugin)) metrics.pluginRestarts.inc({ plugin });
  }

  /**
   * Prometheus wants one kind and one set of labels for a name: a sample that contradicts the
   * first one, of this plugin or another, is dropped and counted. So is a counter that falls, and a
   * label that would pass for the plugin's name.
   */
  #sample(plugin: string, sample: Sample): void {
    const labels = Object.keys(sample.labels).sort();
    const impossible = (sample.kind === "counter" && sample.value < 0) || labels.includes("plugin");
    const name = nameOf(sample);
    const custom = impossible
      ? undefined
      : this.#custom.get(name) ?? this.#register(name, sample, labels);
    if (custom?.kind === sample.kind && custom.labels === labels.join(",")) {
      custom.record(sample, plugin);
    } else this.#registry.metrics.pluginSamplesDropped.inc({ plugin });
  }

  #register(name: string, sample: Sample, labels: readonly string[]): CustomMetric {
    const configuration = {
      name,
      help: "A plugin's own metric",
      labelNames: ["plugin", ...labels],
      registers: [this.#registry.registry],
    };
    let record: CustomMetric["record"];
    if (sample.kind === "counter") {
      const counter = new Counter(configuration);
      record = ({ labels, value }, plugin) => counter.inc({ ...labels, plugin }, value);
    } else {
      const gauge = new Gauge(configuration);
      record = ({ labels, value }, plugin) => gauge.set({ ...labels, plugin }, value);
    }
    const custom: CustomMetric = { kind: sample.kind, labels: labels.join(","), record };
    this.#custom.set(name, custom);
    return custom;
  }
}

/** The second field of `00-<trace id>-<span id>-<flags>`, which the host wrote itself. */
function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.split("-")[1];
}

/** OpenMetrics ends a counter's name with `_total`; one that does not would have two names. */
function nameOf({ kind, name }: Sample): string {
  const full = `weir_plugin_custom_${name}`;
  return kind === "counter" && !name.endsWith("_total") ? `${full}_total` : full;
}
