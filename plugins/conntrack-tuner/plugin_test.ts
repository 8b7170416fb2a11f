import assert from "node:assert/strict";
import type { SysctlKey, TunerConfig } from "weir";
import { fakeSysctls, loopback, type PluginPolicy } from "weir/testing";
import plugin from "./plugin.ts";

const MAX = "net.netfilter.nf_conntrack_max";
const BUCKETS = "net.netfilter.nf_conntrack_buckets";
const ESTABLISHED = "net.netfilter.nf_conntrack_tcp_timeout_established";
const CLOSE_WAIT = "net.netfilter.nf_conntrack_tcp_timeout_close_wait";
const LIBERAL = "net.netfilter.nf_conntrack_tcp_be_liberal";
const UDP = "net.netfilter.nf_conntrack_udp_timeout";
const STREAM = "net.netfilter.nf_conntrack_udp_timeout_stream";

/** A small node, as it boots. */
const KERNEL: Readonly<Record<string, number>> = {
  [MAX]: 65_536,
  [BUCKETS]: 16_384,
  [ESTABLISHED]: 432_000,
  [CLOSE_WAIT]: 60,
  [LIBERAL]: 0,
  [UDP]: 30,
  [STREAM]: 120,
};

/** kube-proxy's. */
const DEFAULTS: TunerConfig = {
  maxPerCore: 32_768,
  min: 131_072,
  tcpEstablishedTimeout: 86_400,
  tcpCloseWaitTimeout: 3_600,
};

const NODE = { name: "n1", cpus: 8 };

async function tuned(
  config: TunerConfig,
  values: Readonly<Record<string, number>> = KERNEL,
  refused: Readonly<Record<string, string>> = {},
  policy?: PluginPolicy,
) {
  const sysctl = fakeSysctls(values);
  for (const [key, errno] of Object.entries(refused)) sysctl.refuse(key as SysctlKey, errno);
  await using tuner = await loopback(plugin, {
    sysctl: sysctl.files,
    ...(policy === undefined ? {} : { policy }),
  });
  const failure = await tuner.call("tune", { node: NODE, config }).then(
    () => undefined,
    (fault: Error) => fault.message,
  );
  return { writes: sysctl.writes, lines: tuner.lines, failure };
}

Deno.test("kube-proxy's defaults raise the limit and the hash size and set two timeouts", async () => {
  const { writes, lines, failure } = await tuned(DEFAULTS);
  assert.equal(failure, undefined);
  assert.deepEqual(writes, [
    `${MAX}=262144`,
    `${BUCKETS}=65536`,
    `${ESTABLISHED}=86400`,
    `${CLOSE_WAIT}=3600`,
  ]);
  assert.deepEqual(lines, []);
});

Deno.test("every field of the configuration reaches its setting", async () => {
  const { writes } = await tuned({
    maxPerCore: 10_000,
    min: 100_000,
    tcpEstablishedTimeout: 1,
    tcpCloseWaitTimeout: 2,
    tcpBeLiberal: true,
    udpTimeout: 3,
    udpStreamTimeout: 4,
  });
  assert.deepEqual(writes, [
    `${MAX}=100000`,
    `${BUCKETS}=25000`,
    `${ESTABLISHED}=1`,
    `${CLOSE_WAIT}=2`,
    `${LIBERAL}=1`,
    `${UDP}=3`,
    `${STREAM}=4`,
  ]);
});

const KEPT:
  readonly (readonly [string, TunerConfig, Readonly<Record<string, number>>, string[]])[] = [
    ["a higher limit and a larger hash table stay", { maxPerCore: 12 }, {
      ...KERNEL,
      [MAX]: 192,
      [BUCKETS]: 48,
    }, []],
    ["a limit that is as it should be is not written", { maxPerCore: 12 }, {
      ...KERNEL,
      [MAX]: 96,
      [BUCKETS]: 24,
    }, []],
    ["a hash table that is too small grows under a limit that is high enough", { maxPerCore: 12 }, {
      ...KERNEL,
      [MAX]: 96,
      [BUCKETS]: 12,
    }, [`${BUCKETS}=24`]],
    ["a limit rises over a hash table that is large enough", { maxPerCore: 12 }, {
      ...KERNEL,
      [MAX]: 48,
      [BUCKETS]: 24,
    }, [`${MAX}=96`]],
    ["what the node has been set to already is not written", DEFAULTS, {
      [MAX]: 262_144,
      [BUCKETS]: 65_536,
      [ESTABLISHED]: 86_400,
      [CLOSE_WAIT]: 3_600,
    }, []],
    ["nothing is touched where nothing is wanted", {}, {}, []],
    ["be liberal is not taken back", { tcpBeLiberal: false }, { ...KERNEL, [LIBERAL]: 1 }, []],
  ];

for (const [what, config, values, expected] of KEPT) {
  Deno.test(what, async () => {
    const { writes, failure } = await tuned(config, values);
    assert.equal(failure, undefined);
    assert.deepEqual(writes, expected);
  });
}

Deno.test("on a read-only /proc/sys the remedy is said once, with all settings as sysctl(8) takes them", async () => {
  const refused = Object.fromEntries(Object.keys(KERNEL).map((key) => [key, "EROFS"]));
  const { writes, failure } = await tuned(DEFAULTS, KERNEL, refused);
  assert.deepEqual(writes, []);
  assert.ok(failure !== undefined);
  const list = `${MAX}=262144 ${BUCKETS}=65536 ${ESTABLISHED}=86400 ${CLOSE_WAIT}=3600`;
  assert.ok(failure.includes(`Cannot set sysctl "${list}": /proc/sys is read-only`), failure);
  assert.equal(failure.match(/--init-only/g)?.length, 1);
});

Deno.test("one setting that is refused does not keep the others from being set", async () => {
  const { writes, failure } = await tuned(DEFAULTS, KERNEL, {
    [MAX]: "EACCES",
    [BUCKETS]: "ENOMEM",
  });
  assert.deepEqual(writes, [`${ESTABLISHED}=86400`, `${CLOSE_WAIT}=3600`]);
  assert.match(failure ?? "", new RegExp(`"${MAX}=262144": .*hostNetwork.*\\. Cannot set sysctl`));
  assert.match(failure ?? "", new RegExp(`"${BUCKETS}=65536": the kernel has not enough memory`));
});

Deno.test("while nf_conntrack is not loaded that is what the error says", async () => {
  const { failure } = await tuned(DEFAULTS, {});
  assert.match(failure ?? "", /the kernel module nf_conntrack is not loaded/);
});

Deno.test("it sets what it was granted and says what it was not", async () => {
  const policy = { sysctl: { keys: [ESTABLISHED] } } as const;
  const { writes, failure } = await tuned(DEFAULTS, KERNEL, {}, policy);
  assert.deepEqual(writes, [`${ESTABLISHED}=86400`]);
  assert.match(
    failure ?? "",
    new RegExp(`"${MAX}=262144 ${BUCKETS}=65536 .*: .*was not granted it`),
  );
  const nothing = await tuned({ udpTimeout: 5 }, KERNEL, {}, {});
  assert.match(nothing.failure ?? "", new RegExp(`"${UDP}=5": the plugin was not granted it`));
});
