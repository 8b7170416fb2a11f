import assert from "node:assert/strict";
import { resolveRequest } from "./resolve.ts";
import { writeConfig } from "./write.ts";

/** What kube-proxy 1.36 writes for its defaults. */
const UPSTREAM = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection:
  acceptContentTypes: ""
  burst: 10
  contentType: application/vnd.kubernetes.protobuf
  kubeconfig: ""
  qps: 5
clusterCIDR: ""
configSyncPeriod: 15m0s
conntrack:
  maxPerCore: 32768
  min: 131072
  tcpBeLiberal: false
  tcpCloseWaitTimeout: 1h0m0s
  tcpEstablishedTimeout: 24h0m0s
  udpStreamTimeout: 0s
  udpTimeout: 0s
detectLocal:
  bridgeInterface: ""
  interfaceNamePrefix: ""
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: 0.0.0.0:10256
hostnameOverride: ""
iptables:
  localhostNodePorts: true
  masqueradeAll: false
  masqueradeBit: 14
  minSyncPeriod: 1s
  syncPeriod: 30s
ipvs:
  excludeCIDRs: null
  minSyncPeriod: 0s
  scheduler: ""
  strictARP: false
  syncPeriod: 30s
  tcpFinTimeout: 0s
  tcpTimeout: 0s
  udpTimeout: 0s
kind: KubeProxyConfiguration
logging:
  flushFrequency: 5s
  format: text
  options:
    json:
      infoBufferSize: "0"
    text:
      infoBufferSize: "0"
  verbosity: 0
metricsBindAddress: 127.0.0.1:10249
mode: ""
nftables:
  masqueradeAll: false
  masqueradeBit: 14
  minSyncPeriod: 1s
  syncPeriod: 30s
nodePortAddresses: null
oomScoreAdj: -999
portRange: ""
showHiddenMetricsForVersion: ""
winkernel:
  enableDSR: false
  forwardHealthCheckVip: false
  networkName: ""
  rootHnsEndpointName: ""
  sourceVip: ""
`;

/** What weir writes for a command line. */
async function written(args: readonly string[], files: Record<string, string> = {}) {
  const request = await resolveRequest([...args, "--write-config-to=out.yaml"], {
    hostname: () => "node-1",
    readText: async (path) => files[path] ?? "",
  });
  assert.ok(request.type === "write-config", Deno.inspect(request));
  assert.equal(request.path, "out.yaml");
  return await writeConfig(request.documents);
}

Deno.test("the default configuration is written as kube-proxy writes it", async () => {
  assert.equal(await written([]), UPSTREAM);
});

/** The default file with other lines in the place of some. */
function upstream(...replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((text, [line, other]) => {
    assert.ok(text.includes(line), line);
    return text.replace(line, other);
  }, UPSTREAM);
}

const files: readonly (readonly [string, string])[] = [
  ["kube-proxy's default file", UPSTREAM],
  [
    "one that names kube-proxy's default mode and detector",
    upstream(['mode: ""', "mode: iptables"], [
      'detectLocalMode: ""',
      "detectLocalMode: ClusterCIDR",
    ]),
  ],
  [
    "one of 1.24 with what is gone since",
    upstream(['portRange: ""', "portRange: 30000-32000"], [
      "winkernel:",
      "udpIdleTimeout: 250ms\nwinkernel:",
    ]),
  ],
  [
    "one with other values",
    upstream(
      ["flushFrequency: 5s", "flushFrequency: 1.5s"],
      [
        "  verbosity: 0",
        "  verbosity: 3\n  vmodule:\n    - filePattern: sync*\n      verbosity: 4",
      ],
      ['infoBufferSize: "0"\n    text', "infoBufferSize: 64Ki\n      splitStream: true\n    text"],
      ["excludeCIDRs: null", "excludeCIDRs: []"],
      ["nodePortAddresses: null", "nodePortAddresses:\n  - 10.0.0.0/8\n  - primary"],
      ["bindAddress: 0.0.0.0\n", 'bindAddress: "::"\n'],
      ["healthzBindAddress: 0.0.0.0:10256", 'healthzBindAddress: "[::]:10256"'],
      [
        "healthz",
        "featureGates:\n  AllowServiceExternalIPs: false\n  LoggingAlphaOptions: true\nhealthz",
      ],
      ['hostnameOverride: ""', 'hostnameOverride: "1e3"'],
      ["winkernel:", "windowsRunAsService: true\nwinkernel:"],
    ),
  ],
];

for (const [what, text] of files) {
  Deno.test(`${what} is read and written back equal`, async () => {
    assert.equal(await written(["--config=in.yaml"], { "in.yaml": text }), text);
  });
}

/** What kubeadm puts into its ConfigMap: every field, most of them zero. */
const KUBEADM = upstream(
  ["burst: 10", "burst: 0"],
  ["contentType: application/vnd.kubernetes.protobuf", 'contentType: ""'],
  ['kubeconfig: ""', "kubeconfig: /var/lib/kube-proxy/kubeconfig.conf"],
  ["qps: 5", "qps: 0"],
  ['clusterCIDR: ""', "clusterCIDR: 10.244.0.0/16"],
  ["configSyncPeriod: 15m0s", "configSyncPeriod: 0s"],
  ["maxPerCore: 32768", "maxPerCore: null"],
  ["min: 131072", "min: null"],
  ["tcpCloseWaitTimeout: 1h0m0s", "tcpCloseWaitTimeout: null"],
  ["tcpEstablishedTimeout: 24h0m0s", "tcpEstablishedTimeout: null"],
  ["healthzBindAddress: 0.0.0.0:10256", 'healthzBindAddress: ""'],
  ["localhostNodePorts: true", "localhostNodePorts: null"],
  ["minSyncPeriod: 1s\n  syncPeriod: 30s\nipvs", "minSyncPeriod: 0s\n  syncPeriod: 0s\nipvs"],
  ["syncPeriod: 30s\n  tcpFin", "syncPeriod: 0s\n  tcpFin"],
  ["flushFrequency: 5s\n  format: text", "flushFrequency: 0"],
  ["metricsBindAddress: 127.0.0.1:10249", 'metricsBindAddress: ""'],
  [
    "masqueradeBit: 14\n  minSyncPeriod: 1s\n  syncPeriod: 30s\nnodePort",
    "masqueradeBit: null\n  minSyncPeriod: 0s\n  syncPeriod: 0s\nnodePort",
  ],
  ["oomScoreAdj: -999", "oomScoreAdj: null"],
);

Deno.test("the file that kubeadm makes is kube-proxy's defaults but for two fields", async () => {
  assert.equal(
    await written(["--config=in.yaml"], { "in.yaml": KUBEADM }),
    upstream(['kubeconfig: ""', "kubeconfig: /var/lib/kube-proxy/kubeconfig.conf"], [
      'clusterCIDR: ""',
      "clusterCIDR: 10.244.0.0/16",
    ]),
  );
});

Deno.test("what is written can be read, and says the same", async () => {
  const once = await written([
    "--cluster-cidr=10.244.0.0/16",
    "--proxy-mode=./mine.ts",
    "--iptables-min-sync-period=250ms",
    "--ipvs-exclude-cidrs=10.0.0.0/8",
    "--feature-gates=AllowServiceExternalIPs=false",
    "--vmodule=sync=4",
    "--metrics-bind-address=::",
    "--config-reload=exit",
    "--conntrack-remove-tcp-flows",
  ]);
  assert.match(once, /^metricsBindAddress: "\[::\]:10249"$/m);
  assert.match(
    once,
    /\n---\napiVersion: weir\.dev\/v1alpha1\nconfigReload: exit\nconntrack:\n {2}removeTCPFlows: true\nkind: WeirConfiguration\n$/,
  );
  assert.equal(await written(["--config=in.yaml"], { "in.yaml": once }), once);
});

Deno.test("beside a file, what counts of the flags is written", async () => {
  const text = await written(
    ["--config=in.yaml", "-v=7", "--hostname-override=Other", "--cluster-cidr=10.0.0.0/8"],
    { "in.yaml": UPSTREAM },
  );
  assert.equal(
    text,
    UPSTREAM.replace("verbosity: 0", "verbosity: 7")
      .replace('hostnameOverride: ""', "hostnameOverride: Other"),
  );
});
