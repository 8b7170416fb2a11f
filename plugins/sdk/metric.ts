/**
 * The `metric` a handler is given.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import type { PluginMessage } from "../../schemas/wire.ts";

type MetricMessage = Extract<PluginMessage, { type: "metric" }>;

/**
 * Counts and measures. On /metrics a name appears as `weir_plugin_custom_<name>` with the
 * plugin's name as a label. Names and labels are 1–64 of a–z, 0–9 and _, starting with a letter.
 *
 * @example
 * ```ts
 * import { defineProxier } from "weir";
 *
 * export default defineProxier({
 *   name: "counting", version: "0.1.0", api: 1,
 *   resync: (snapshot, { metric }) => metric.gauge("service_ports", snapshot.ports.length),
 *   apply(diff, { metric }) {
 *     metric.count("changes_total", diff.upserts.length, { kind: "upsert" });
 *     metric.count("changes_total", diff.removes.length, { kind: "remove" });
 *   },
 *   explain: () => [],
 *   cleanup: () => {},
 * });
 * ```
 */
export interface Metric {
  /**
   * Adds to a counter.
   *
   * @param name For example `endpoints_moved_total`.
   * @param amount What to add, not negative; 1 if left out.
   * @param labels At most 4, of at most 128 characters.
   * @throws {WeirError} WEIR_PLUGIN_FAILED for a name or a number that cannot be recorded.
   */
  count(name: string, amount?: number, labels?: Readonly<Record<string, string>>): void;
  /**
   * Sets a gauge.
   *
   * @param name For example `table_elements`.
   * @param value Any finite number.
   * @param labels At most 4, of at most 128 characters.
   * @throws {WeirError} WEIR_PLUGIN_FAILED for a name or a number that cannot be recorded.
   */
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
}

/** What the wire takes: a sample that breaks it would end the plugin. */
const NAME = /^[a-z][a-z0-9_]{0,63}$/;
const LABELS = 4;
const LABEL_LENGTH = 128;

function check({ name, value, labels }: MetricMessage): void {
  const refuse = (state: string) =>
    new WeirError("WEIR_PLUGIN_FAILED", `Cannot record metric "${name}": ${state}`);
  const wrong = [name, ...Object.keys(labels)].find((word) => !NAME.test(word));
  if (wrong !== undefined) throw refuse(`"${wrong}" is not 1–64 of a–z, 0–9 and _`);
  if (!Number.isFinite(value)) throw refuse(`its value is ${value}`);
  if (Object.keys(labels).length > LABELS) throw refuse(`it has more than ${LABELS} labels`);
  if (Object.values(labels).some((text) => text.length > LABEL_LENGTH)) {
    throw refuse(`a label has more than ${LABEL_LENGTH} characters`);
  }
}

/**
 * Makes a metric whose samples go to the host.
 *
 * @param send Sends one message.
 * @returns The metric.
 */
export function wireMetric(send: (message: MetricMessage) => void): Metric {
  const sample =
    (kind: MetricMessage["kind"]) =>
    (name: string, value = 1, labels: Readonly<Record<string, string>> = {}) => {
      const message = { type: "metric", kind, name, value, labels } as const;
      check(message);
      send(message);
    };
  return { count: sample("counter"), gauge: sample("gauge") };
}
