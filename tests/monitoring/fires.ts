/**
 * Scenes for the alert rules: what a node's metrics do, and whether the alert fires.
 *
 * @module
 */

/** What the metrics of one node do. */
export interface Scene {
  /** A sentence: what happens. */
  readonly what: string;
  readonly alert: string;
  /**
   * One value for each minute of half an hour, as promtool writes it (`0+1x30` rises by one), by
   * series. The clock begins at 0.
   */
  readonly series: Readonly<Record<string, string>>;
  /** Labels of the alert, or undefined when it must not fire. */
  readonly fires?: Readonly<Record<string, string>>;
  /** When it is looked at, in minutes; after all of it unless given. */
  readonly at?: number;
  /** Seconds between two values, a minute unless given. */
  readonly every?: number;
}

const AT = 'instance="node-1", job="weir"';
const NODE = { instance: "node-1", job: "weir" };
const IPV4 = `{ip_family="IPv4", ${AT}}`;
const PROXIER = `{plugin="proxier", ${AT}}`;
const QUEUED = `kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds${IPV4}`;
const SYNCED = `kubeproxy_sync_proxy_rules_last_timestamp_seconds${IPV4}`;
const FAMILY = { ...NODE, ip_family: "IPv4" };
const PLUGIN = { ...NODE, plugin: "proxier" };

function programmed(slow: string, quick: string): Record<string, string> {
  const bucket = (le: string) =>
    `kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4", le="${le}", ${AT}}`;
  return { [bucket("1")]: quick, [bucket("45")]: slow, [bucket("+Inf")]: slow };
}

function requests(good: string, bad: string): Record<string, string> {
  const counter = (code: string) => `rest_client_requests_total{code="${code}", ${AT}}`;
  return { [counter("200")]: good, [counter("<error>")]: bad };
}

/** The scenes. */
export const SCENES: readonly Scene[] = [
  {
    what: "a plugin is parked",
    alert: "WeirPluginParked",
    series: { [`weir_plugin_parked${PROXIER}`]: "0x20 1x9" },
    fires: { ...PLUGIN, severity: "critical" },
  },
  {
    what: "a plugin runs",
    alert: "WeirPluginParked",
    series: { [`weir_plugin_parked${PROXIER}`]: "0x30" },
  },
  {
    what: "every sync fails, once a minute",
    alert: "WeirSyncFailing",
    series: { [`kubeproxy_sync_proxy_rules_nftables_sync_failures_total${IPV4}`]: "0+1x30" },
    fires: { ...FAMILY, severity: "critical" },
  },
  {
    what: "two syncs failed, and the next one did not",
    alert: "WeirSyncFailing",
    series: { [`kubeproxy_sync_proxy_rules_nftables_sync_failures_total${IPV4}`]: "0x20 2x9" },
  },
  {
    what: "the only change of the day waits, a second younger than the last sync",
    alert: "WeirSyncStuck",
    series: { [QUEUED]: "100x30", [SYNCED]: "99x30" },
    fires: { ...FAMILY, severity: "critical" },
  },
  {
    what: "changes come all the time and none lands",
    alert: "WeirSyncStuck",
    series: { [QUEUED]: "0+60x30", [SYNCED]: "0+60x10 600x19" },
    fires: { ...FAMILY, severity: "critical" },
  },
  {
    what: "changes come all the time, of which one always waits",
    alert: "WeirSyncStuck",
    series: { [QUEUED]: "0+60x30", [SYNCED]: "-1+60x30" },
  },
  {
    what: "nothing has changed for long, and now something has",
    alert: "WeirSyncStuck",
    series: { [QUEUED]: "0x29 1790", [SYNCED]: "1x30" },
  },
  {
    what: "nothing changes",
    alert: "WeirSyncStuck",
    series: { [QUEUED]: "99x30", [SYNCED]: "100x30" },
  },
  {
    what: "endpoints take most of a minute",
    alert: "WeirNetworkProgrammingSlow",
    series: programmed("0+10x30", "0x30"),
    fires: { instance: "node-1", severity: "warning" },
  },
  {
    what: "endpoints take less than a second",
    alert: "WeirNetworkProgrammingSlow",
    series: programmed("0+10x30", "0+10x30"),
  },
  {
    what: "the conntrack table fills",
    alert: "WeirConntrackFull",
    series: {
      [`weir_conntrack_entries{${AT}}`]: "0+40x30",
      [`weir_conntrack_limit{${AT}}`]: "1000x30",
    },
    fires: { ...NODE, severity: "critical" },
  },
  {
    what: "the conntrack table is half full",
    alert: "WeirConntrackFull",
    series: {
      [`weir_conntrack_entries{${AT}}`]: "500x30",
      [`weir_conntrack_limit{${AT}}`]: "1000x30",
    },
  },
  {
    what: "the conntrack table has no limit",
    alert: "WeirConntrackFull",
    series: {
      [`weir_conntrack_entries{${AT}}`]: "500x30",
      [`weir_conntrack_limit{${AT}}`]: "0x30",
    },
  },
  {
    what: "a plugin dies twice in ten minutes",
    alert: "WeirPluginRestarts",
    series: { [`weir_plugin_restarts_total${PROXIER}`]: "0x18 1x7 2x2" },
    fires: { ...PLUGIN, severity: "warning" },
  },
  {
    // Of a counter that was above 0 before, and whose scrapes do not fill the window to its ends,
    // an increase of 1 is extrapolated.
    what: "a plugin that died last week has died once more",
    alert: "WeirPluginRestarts",
    series: { [`weir_plugin_restarts_total${PROXIER}`]: "1x35 2x20" },
    every: 35,
  },
  {
    what: "somebody writes into the rules every minute",
    alert: "WeirForeignChanges",
    series: { [`weir_repairs_total${PROXIER}`]: "0+1x30" },
    fires: { ...PLUGIN, severity: "warning" },
  },
  {
    what: "somebody wrote into the rules twice",
    alert: "WeirForeignChanges",
    series: { [`weir_repairs_total${PROXIER}`]: "0x20 2x9" },
  },
  {
    what: "rules of kube-proxy stay",
    alert: "WeirTakeoverIncomplete",
    series: { [`weir_takeover_leftovers{${AT}}`]: "3x31" },
    at: 31,
    fires: { ...NODE, severity: "warning" },
  },
  {
    what: "rules of kube-proxy go after a while",
    alert: "WeirTakeoverIncomplete",
    series: { [`weir_takeover_leftovers{${AT}}`]: "3x20 0x10" },
  },
  {
    what: "a configuration file is broken",
    alert: "WeirConfigReloadFailed",
    series: { [`weir_config_last_reload_successful{${AT}}`]: "1x20 0x9" },
    fires: { ...NODE, severity: "warning" },
  },
  {
    what: "a configuration file was broken for a moment",
    alert: "WeirConfigReloadFailed",
    series: { [`weir_config_last_reload_successful{${AT}}`]: "1x20 0x1 1x7" },
  },
  {
    what: "a collector takes nothing",
    alert: "WeirTracesLost",
    series: {
      [`weir_trace_spans_total{result="failed", ${AT}}`]: "0+20x30",
      [`weir_trace_spans_total{result="sent", ${AT}}`]: "0x30",
    },
    fires: { ...NODE, result: "failed", severity: "warning" },
  },
  {
    what: "a collector takes everything",
    alert: "WeirTracesLost",
    series: {
      [`weir_trace_spans_total{result="failed", ${AT}}`]: "0x30",
      [`weir_trace_spans_total{result="sent", ${AT}}`]: "0+20x30",
    },
  },
  {
    what: "the API server is gone",
    alert: "WeirApiServerErrors",
    series: requests("100x30", "0+6x30"),
    fires: { instance: "node-1", severity: "warning" },
  },
  {
    what: "the API server answers, with an error now and then",
    alert: "WeirApiServerErrors",
    series: requests("0+10x30", "0+1x30"),
  },
  {
    what: "nothing is asked of the API server",
    alert: "WeirApiServerErrors",
    series: requests("100x30", "0x30"),
  },
];

/** The minute at which a scene is over. */
const OVER = 29;

/**
 * Writes scenes as a file for `promtool test rules`.
 *
 * @param scenes The scenes.
 * @param rules Path of the rules.
 * @param annotations Of an alert, with its labels filled in.
 * @returns JSON, which is YAML.
 */
export function promtoolTests(
  scenes: readonly Scene[],
  rules: string,
  annotations: (alert: string, labels: Readonly<Record<string, string>>) => object,
): string {
  return JSON.stringify({
    rule_files: [rules],
    evaluation_interval: "1m",
    tests: scenes.map(({ what, alert, series, fires, at = OVER, every = 60 }) => ({
      name: `${alert}: ${what}`,
      interval: `${every}s`,
      input_series: Object.entries(series).map(([series, values]) => ({ series, values })),
      alert_rule_test: [{
        eval_time: `${at}m`,
        alertname: alert,
        exp_alerts: fires === undefined
          ? []
          : [{ exp_labels: fires, exp_annotations: annotations(alert, fires) }],
      }],
    })),
  });
}
