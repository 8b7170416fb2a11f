/** One row for each flag: what it comes to, what it refuses, and where its effect is shown. */
import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { flagPlace, FLAGS } from "./flags.ts";
import { resolveRequest } from "./resolve.ts";

interface FlagRow {
  readonly name: string;
  readonly value: string;
  readonly comesTo: (config: WeirConfig) => unknown;
  readonly as: unknown;
  /** undefined where every text is good. */
  readonly bad: string | undefined;
  readonly why: RegExp;
  /** Test files that show the effect; "" for a mode that weir does not have. */
  readonly shown: string;
  /** Flags without which it is not right. */
  readonly beside: readonly string[];
}

function row(
  name: string,
  value: string,
  comesTo: FlagRow["comesTo"],
  as: unknown,
  bad: string | undefined,
  why: RegExp,
  shown: string,
  ...beside: string[]
): FlagRow {
  return { name, value, comesTo, as, bad, why, shown, beside };
}

const any = undefined;
const boolean = /it is neither true nor false/;
const int32 = /it is not a 32-bit integer/;
const duration = /it is no duration such as 30s/;
const positive = /it is not longer than 0s/;
const negative = /it is shorter than 0s/;
const alpha = "--feature-gates=LoggingAlphaOptions=true";
const absent = "";
const tuner = "tests/kernel/tuner_test.ts";
const log = "tests/kernel/log_test.ts";
const logs = "host/telemetry/running_log_test.ts";
const stream = "host/telemetry/klog/stream_test.ts";
const servers = "host/routes/servers_test.ts";

/* deno-fmt-ignore */
const ROWS: readonly FlagRow[] = [
  row("config-reload", "exit", (c) => c.configReload, "exit", "never", /one of live, exit/, "tests/kernel/reload_test.ts"),
  row("feature-gates", "AllowServiceExternalIPs=false", (c) => c.featureGates["AllowServiceExternalIPs"], false, "AllowServiceExternalIP=false", /did you mean AllowServiceExternalIPs\?/, "host/resolver/reach_test.ts"),
  row("kubeconfig", "/k", (c) => c.clientConnection.kubeconfig, "/k", any, /./, "host/capabilities/credentials_test.ts"),
  row("master", "https://10.0.0.1:6443", (c) => c.master, "https://10.0.0.1:6443", "10.0.0.1:6443", /no URL/, "tests/kernel/api_server_test.ts"),
  row("manifests", "dir", (c) => c.manifests, "dir", any, /./, "tests/kernel/process_test.ts"),
  row("kube-api-content-type", "application/json", (c) => c.clientConnection.contentType, "application/json", "text/plain", /needs one of application/, "host/source/kube/client_test.ts"),
  row("kube-api-qps", "2.5", (c) => c.clientConnection.qps, 2.5, "many", /not a number/, "host/source/kube/rate_limit_test.ts"),
  row("kube-api-burst", "0x14", (c) => c.clientConnection.burst, 20, "-1", /from 0 to/, "host/source/kube/rate_limit_test.ts"),
  row("config-sync-period", "1h", (c) => c.configSyncPeriod, 3_600_000, "0", positive, "host/review_test.ts"),
  row("hostname-override", " Node-A ", (c) => c.nodeName, "node-a", " ", /empty once trimmed/, "host/reload/parts_test.ts"),
  row("bind-address", "::", (c) => [c.bindAddress, c.healthzBindAddress], ["::", "[::]:10256"], "here", /no IP address/, "tests/kernel/families_test.ts"),
  row("cluster-cidr", "10.0.0.0/8", (c) => c.clusterCIDRs, ["10.0.0.0/8"], "10.0.0.0/33", /is no CIDR/, "plugins/detect-cluster-cidr/plugin_test.ts"),
  row("detect-local-mode", "NodeCIDR", (c) => c.detectLocalMode, "NodeCIDR", "Magic", /needs one of/, "host/detection_test.ts"),
  row("pod-bridge-interface", "cni0", (c) => c.detectLocal.bridgeInterface, "cni0", "a/b", /no slash/, "plugins/detect-bridge-interface/plugin_test.ts"),
  row("pod-interface-name-prefix", "veth", (c) => c.detectLocal.interfaceNamePrefix, "veth", "a b", /no slash/, "plugins/detect-interface-name-prefix/plugin_test.ts"),
  row("nodeport-addresses", "all,10.0.0.0/8", (c) => c.nodePortAddresses, ["all", "10.0.0.0/8"], "any", /neither a CIDR nor/, "tests/kernel/node_ports_test.ts"),
  row("oom-score-adj", "-500", (c) => c.oomScoreAdj, -500, "-1001", /from -1000 to 1000/, "host/process/start_test.ts"),
  row("boot-id-file", "/a,/b", (c) => c.bootIdFiles, ["/a", "/b"], any, /./, "host/process/machine_test.ts"),
  row("machine-id-file", "/a", (c) => c.machineIdFiles, ["/a"], any, /./, "host/process/machine_test.ts"),
  row("proxy-mode", "./x.ts", (c) => c.mode.name, "./x.ts", "iptables", /this version of weir has nftables/, "tests/kernel/third_party_test.ts"),
  row("proxy-mode-fallback", "true", (c) => [c.modeFallback, c.inPlaceOf], [true, "ipvs"], "maybe", boolean, "host/routes/metrics_test.ts", "--proxy-mode=ipvs"),
  row("masquerade-all", "true", (c) => c.proxier.masqueradeAll, true, "maybe", boolean, "tests/kernel/reach_test.ts"),
  row("iptables-masquerade-bit", "15", (c) => c.proxier.masqueradeBit, 15, "32", /from 0 to 31/, "tests/kernel/nft_proxier_test.ts"),
  row("iptables-sync-period", "1m", (c) => c.proxier.syncPeriod, 60_000, "0s", positive, "host/scheduler_test.ts"),
  row("iptables-min-sync-period", "2s", (c) => c.proxier.minSyncPeriod, 2_000, "31s", /longer than nftables\.syncPeriod/, "host/scheduler_test.ts"),
  row("iptables-localhost-nodeports", "false", (c) => c.iptables.localhostNodePorts, false, "maybe", boolean, "host/config/validate_test.ts"),
  row("conntrack-max-per-core", "0", (c) => c.conntrack.maxPerCore, 0, "-1", /from 0 to/, tuner),
  row("conntrack-min", "7", (c) => c.conntrack.min, 7, "x", int32, tuner),
  row("conntrack-tcp-timeout-established", "1.5h", (c) => c.conntrack.tcpEstablishedTimeout, 5_400_000, "1", duration, tuner),
  row("conntrack-tcp-timeout-close-wait", "0", (c) => c.conntrack.tcpCloseWaitTimeout, 0, "-1s", negative, tuner),
  row("conntrack-tcp-be-liberal", "true", (c) => c.conntrack.tcpBeLiberal, true, "maybe", boolean, tuner),
  row("conntrack-udp-timeout", "30s", (c) => c.conntrack.udpTimeout, 30_000, "-1s", negative, tuner),
  row("conntrack-udp-timeout-stream", "5m", (c) => c.conntrack.udpStreamTimeout, 300_000, "-1s", negative, tuner),
  row("conntrack-remove-tcp-flows", "true", (c) => c.conntrack.removeTCPFlows, true, "maybe", boolean, "tests/kernel/conntrack_test.ts"),
  row("ipvs-sync-period", "1m", (c) => c.ipvs.syncPeriod, 60_000, "0", positive, absent),
  row("ipvs-min-sync-period", "1s", (c) => c.ipvs.minSyncPeriod, 1_000, "-1s", negative, absent),
  row("ipvs-scheduler", "wrr", (c) => c.ipvs.scheduler, "wrr", "fifo", /needs one of/, absent),
  row("ipvs-exclude-cidrs", "10.0.0.0/8,fd00::/8", (c) => c.ipvs.excludeCIDRs, ["10.0.0.0/8", "fd00::/8"], "10.0.0.1", /no CIDR/, absent),
  row("ipvs-strict-arp", "true", (c) => c.ipvs.strictARP, true, "maybe", boolean, absent),
  row("ipvs-tcp-timeout", "1h", (c) => c.ipvs.tcpTimeout, 3_600_000, "-1s", negative, absent),
  row("ipvs-tcpfin-timeout", "1m", (c) => c.ipvs.tcpFinTimeout, 60_000, "-1s", negative, absent),
  row("ipvs-udp-timeout", "5s", (c) => c.ipvs.udpTimeout, 5_000, "-1s", negative, absent),
  row("proxy-port-range", "30000-32000", (c) => c.portRange, "30000-32000", "30000-", /no range of ports/, absent),
  row("udp-timeout", "1s", (c) => c.udpIdleTimeout, 1_000, "0", positive, absent),
  row("network-name", "n", (c) => c.winkernel.networkName, "n", any, /./, absent),
  row("source-vip", "10.0.0.1", (c) => c.winkernel.sourceVip, "10.0.0.1", any, /./, absent),
  row("enable-dsr", "true", (c) => c.winkernel.enableDSR, true, "maybe", boolean, absent),
  row("root-hnsendpoint-name", "cbr0", (c) => c.winkernel.rootHnsEndpointName, "cbr0", any, /./, absent),
  row("forward-healthcheck-vip", "true", (c) => c.winkernel.forwardHealthCheckVip, true, "maybe", boolean, absent),
  row("windows-service", "true", (c) => c.windowsRunAsService, true, "maybe", boolean, absent),
  row("healthz-bind-address", "", (c) => c.healthzBindAddress, "", "here:1", /no IP address/, servers),
  row("metrics-bind-address", "10.0.0.1", (c) => c.metricsBindAddress, "10.0.0.1:10249", "10.0.0.1:0", /no port/, servers),
  row("bind-address-hard-fail", "true", (c) => c.bindAddressHardFail, true, "maybe", boolean, servers),
  row("profiling", "true", (c) => c.enableProfiling, true, "maybe", boolean, "tests/kernel/profile_test.ts"),
  row("show-hidden-metrics-for-version", "1.36", (c) => c.showHiddenMetricsForVersion, "1.36", "1.40", /minor version before/, "host/telemetry/metric_row_test.ts"),
  row("healthz-port", "0", (c) => c.healthzBindAddress, "", "65536", /from 0 to 65535/, servers),
  row("metrics-port", "1234", (c) => c.metricsBindAddress, "127.0.0.1:1234", "-1", /from 0 to 65535/, servers),
  row("v", "4", (c) => c.logging.verbosity, 4, "-1", /from 0 to/, log),
  row("vmodule", "sync=4,a*=1", (c) => c.logging.vmodule, [{ filePattern: "sync", verbosity: 4 }, { filePattern: "a*", verbosity: 1 }], "sync", /no pattern with a level/, log),
  row("logging-format", "json", (c) => c.logging.format, "json", "xml", /needs one of text, json/, log),
  row("log-flush-frequency", "1s", (c) => c.logging.flushFrequency, 1_000, "-1s", negative, log),
  row("log-text-split-stream", "true", (c) => c.logging.options.text.splitStream, true, "maybe", boolean, stream, alpha),
  row("log-text-info-buffer-size", "64k", (c) => c.logging.options.text.infoBufferSize, 64_000, "much", /no size/, stream, alpha),
  row("log-json-split-stream", "true", (c) => c.logging.options.json.splitStream, true, "maybe", boolean, stream, alpha),
  row("log-json-info-buffer-size", "2Ki", (c) => c.logging.options.json.infoBufferSize, 2_048, "-1", /no size/, stream, alpha),
  row("logtostderr", "false", (c) => c.logging.files.toStderr, false, "maybe", boolean, log),
  row("alsologtostderr", "true", (c) => c.logging.files.alsoToStderr, true, "maybe", boolean, log),
  row("stderrthreshold", "warning", (c) => c.logging.files.stderrThreshold, 1, "4", /none of INFO/, log),
  row("log-dir", "/l", (c) => c.logging.files.directory, "/l", any, /./, log),
  row("log-file", "/l", (c) => c.logging.files.file, "/l", any, /./, log),
  row("log-file-max-size", "7", (c) => c.logging.files.fileMaxMegabytes, 7, "-1", /from 0 to/, logs),
  row("one-output", "true", (c) => c.logging.files.oneOutput, true, "maybe", boolean, log),
  row("add-dir-header", "true", (c) => c.logging.files.addDirHeader, true, "maybe", boolean, log),
  row("skip-headers", "true", (c) => c.logging.files.skipHeaders, true, "maybe", boolean, log),
  row("skip-log-headers", "true", (c) => c.logging.files.skipLogHeaders, true, "maybe", boolean, log),
  row("log-backtrace-at", "sync.ts:42", (c) => c.logging.files.backtraceAt, [{ file: "sync.ts", line: 42 }], "sync.ts", /no place such as/, log),
  row("init-only", "true", (c) => c.initOnly, true, "maybe", boolean, tuner),
  row("per-service-metrics", "5", (c) => c.telemetry.perServiceMetrics, 5, "-1", /needs an integer/, "tests/kernel/service_metrics_test.ts"),
  row("traces-endpoint", "http://c:4318", (c) => c.telemetry.tracesEndpoint, "http://c:4318", "c:4317", /needs a URL/, "tests/kernel/traces_test.ts"),
];

/** What is asked for instead of a proxy; tests of their own show it. */
const OTHERWISE: Readonly<Record<string, string>> = {
  "config": "host/config/precedence_test.ts",
  "write-config-to": "host/config/write_test.ts",
  "cleanup": "tests/kernel/cleanup_test.ts",
  "dry-run": "tests/kernel/cleanup_test.ts",
  "version": "host/cli/cli_test.ts",
  "help": "host/cli/cli_test.ts",
};

const resolve = (...args: string[]) => resolveRequest(args, { hostname: () => "node-1" });
const repository = new URL("../../", import.meta.url);

Deno.test("every flag has a row here", () => {
  const rows = [...ROWS.map(({ name }) => name), ...Object.keys(OTHERWISE)];
  assert.deepEqual(rows.sort(), FLAGS.map(({ name }) => name).sort());
});

for (const [name, file] of Object.entries(OTHERWISE)) {
  Deno.test(`what --${name} does is shown by ${file}`, async () => {
    assert.ok((await Deno.readTextFile(new URL(file, repository))).includes(`--${name}`));
  });
}

for (const { name, value, comesTo, as, bad, why, shown, beside } of ROWS) {
  const underscored = `--${name.replaceAll("-", "_")}`;

  for (const flag of new Set([`--${name}`, underscored])) {
    Deno.test(`${flag}=${value} is accepted and comes to its setting`, async () => {
      const request = await resolve(`${flag}=${value}`, ...beside);
      assert.ok(request.type === "proxy", JSON.stringify(request));
      assert.deepEqual(comesTo(request.config), as);
      const byDefault = await resolve();
      assert.ok(byDefault.type === "proxy");
      assert.notDeepEqual(comesTo(byDefault.config), as, "which is not the default");
    });
  }

  if (bad !== undefined) {
    Deno.test(`--${name}=${bad} is refused at its path`, async () => {
      const request = await resolve(`--${name}=${bad}`);
      assert.ok(request.type === "refused", "it was accepted");
      const [problem, ...more] = request.problems;
      assert.deepEqual(more, []);
      const begin = `Cannot use --${name} "${bad}": `;
      assert.equal(problem?.message.slice(0, begin.length), begin);
      assert.match(problem?.message ?? "", why);
      const flag = FLAGS.find((flag) => flag.name === name);
      const [path = []] = (flag === undefined ? undefined : flagPlace(flag))?.paths ?? [];
      assert.deepEqual(problem?.path.slice(0, path.length), path);
    });
  }

  if (shown !== absent) {
    Deno.test(`that --${name} takes effect is shown by ${shown}`, async () => {
      await Deno.stat(new URL(shown, repository));
    });
  }
}
