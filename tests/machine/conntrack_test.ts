/**
 * Connection tracking of a whole node: its limits are kube-proxy's, and who fills it is warned. One
 * weir, which finds nothing of netfilter loaded, goes through all of it.
 */
import assert from "node:assert/strict";
import { askDatagram } from "../../host/capabilities/datagram.ts";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { onlineProcessors } from "../../host/capabilities/sysctl/readings.ts";
import {
  KERNEL_SETTINGS,
  readSetting,
  writeSetting,
} from "../../host/capabilities/sysctl/setting.ts";
import { readSystemFile } from "../../host/capabilities/system_file.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../../host/samples.ts";
import type { SysctlKey } from "../../schemas/sysctl.ts";
import { ManifestFolder } from "../kernel/manifest_folder.ts";
import { WeirProcess } from "../kernel/weir_process.ts";
import { firstSync, OwnMachine, writeConfiguration } from "./own_machine.ts";

const PREFIX = "net.netfilter.nf_conntrack_";
const MAX = "net/netfilter/nf_conntrack_max";
const BUCKETS = "net/netfilter/nf_conntrack_buckets";
const UDP_TIMEOUT = "net/netfilter/nf_conntrack_udp_timeout";

/** Hides the module's own file of the hash size from weir's writes, as unprivileged containers do. */
const SYS_READ_ONLY = [
  ...["unshare", "--mount", "--", "sh", "-c"],
  'mount --bind /sys /sys && mount -o remount,bind,ro /sys && exec "$@"',
  "sh",
];

/** Upstream's cap on what processors alone ask for, and its entries for each bucket. */
const MOST_SCALED = 1_048_576;
const PER_BUCKET = 4;
/** The kernel rounds a hash table up to whole pages of 8 byte heads (nf_ct_alloc_hashtable()). */
const BUCKETS_PER_PAGE = 512;

const PER_CORE = 400_000;
const SMALL = 200;

/** A series without labels, as weir has it on its page. */
async function metric(name: string): Promise<number> {
  const response = await fetch("http://127.0.0.1:10249/metrics");
  const line = (await response.text()).split("\n").find((line) => line.startsWith(`${name} `));
  assert.ok(line !== undefined, `no series is ${name}`);
  return Number(line.split(" ")[1]);
}

Deno.test("weir on a node that has loaded nothing of netfilter", async (t) => {
  using machine = OwnMachine.open();
  await machine.forgetNetfilter();
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService(), sampleSlice([sampleEndpoint("10.244.1.1")])]);
  const path = `${folder.path}/../config.json`;
  const configure = (conntrack: Readonly<Record<string, unknown>>) =>
    writeConfiguration(path, { conntrack });
  await configure({ maxPerCore: PER_CORE, min: 131_072 });
  await using weir = new WeirProcess(machine.namespace, {
    before: SYS_READ_ONLY,
    flags: [`--manifests=${folder.path}`, `--config=${path}`],
  });
  const limitIs = (entries: number) =>
    weir.until(`${entries} entries`, () => machine.read(MAX) === entries);
  const buckets = (entries: number) =>
    Math.ceil(Math.floor(entries / PER_BUCKET) / BUCKETS_PER_PAGE) * BUCKETS_PER_PAGE;
  const perCore = Math.min(MOST_SCALED, PER_CORE * onlineProcessors());
  const least = MOST_SCALED + 100_000;

  await t.step("has the kernel load what it needs, and serves", async () => {
    await firstSync(weir);
    const { modules } = machine;
    for (const name of ["nf_tables", "nft_chain_nat", "nf_conntrack", "nft_ct"]) {
      assert.ok(modules.includes(name), name);
    }
    assert.doesNotMatch(weir.log, /^E/m);
  });

  await t.step(
    "raises the limit as its processors ask, and the hash size to a quarter, though /sys is read-only",
    async () => {
      await limitIs(perCore);
      await weir.until("the hash size", () => machine.read(BUCKETS) === buckets(perCore));
      const hashsize = readSystemFile("/sys/module/nf_conntrack/parameters/hashsize");
      assert.equal(Number(hashsize), buckets(perCore), "it is the module's");
      for (const [key, value] of [["max", perCore], ["buckets", buckets(perCore)]] as const) {
        await weir.said(
          new RegExp(
            `^I.*"Set sysctl" .*sysctl="net\\.netfilter\\.nf_conntrack_${key}" before=\\d+ value=${value}$`,
            "m",
          ),
        );
      }
    },
  );

  await t.step("raises it to what is wanted at least", async () => {
    await configure({ maxPerCore: 1, min: least });
    await limitIs(least);
    await weir.until("the hash size", () => machine.read(BUCKETS) === buckets(least));
  });

  await t.step("lowers neither of them, and sets a timeout all the same", async () => {
    await configure({ maxPerCore: 1, min: 1_000, udpTimeout: "10m" });
    // Settings are made in order, of which this is the last.
    await weir.until("the timeout", () => machine.read(UDP_TIMEOUT) === 600);
    assert.deepEqual([machine.read(MAX), machine.read(BUCKETS)], [least, buckets(least)]);
  });

  await t.step(
    "could raise neither from another network namespace, where it could set a timeout",
    () => {
      using other = NetworkNamespace.create("other");
      const set = (key: SysctlKey, value: number) =>
        other.inside(() => writeSetting(key, value, KERNEL_SETTINGS));
      for (const key of [`${PREFIX}max`, `${PREFIX}buckets`] as const) {
        assert.throws(() => set(key, 2_000_000), {
          code: "WEIR_SYSCTL",
          message: /the node's own network namespace \(hostNetwork\).*\(EACCES\)/,
        });
      }
      set(`${PREFIX}udp_timeout`, 7);
      const timeout = other.inside(() => readSetting(`${PREFIX}udp_timeout`, KERNEL_SETTINGS));
      assert.deepEqual([timeout, machine.read(UDP_TIMEOUT)], [7, 600]);
    },
  );

  await t.step("has lowered the OOM score of itself and its plugins", async () => {
    for (const pid of [weir.pid, await weir.proxier()]) {
      assert.equal(readSystemFile(`/proc/${pid}/oom_score_adj`).trim(), "-999");
    }
    assert.doesNotMatch(weir.log, /OOM score/);
  });

  let port = 20_000;
  /** One flow, of which nobody answers the first datagram. */
  const flow = () =>
    askDatagram(
      { address: "127.0.0.1", port: port++ },
      0,
      new Uint8Array(1),
      1,
      () => performance.now(),
    );

  await t.step(
    "warns once that the table is nearly full, while the metric says how full",
    async () => {
      machine.write(MAX, SMALL);
      while (machine.read("net/netfilter/nf_conntrack_count") <= SMALL * 0.9) await flow();
      const [, entries, percent] = await weir.said(
        /^W.*"The conntrack table is nearly full; once it is, the kernel drops every new connection\. Raise --conntrack-min or --conntrack-max-per-core, or shorten the timeouts" entries=(\d+) limit=200 percent=(\d+)$/m,
      );
      assert.ok(Number(entries) > SMALL * 0.9);
      assert.equal(Number(percent), Math.floor(Number(entries) / SMALL * 100));
      assert.ok(await metric("weir_conntrack_entries") > SMALL * 0.9);
      assert.equal(await metric("weir_conntrack_limit"), SMALL);
    },
  );

  await t.step("was right: the kernel drops the first packet that is one too many", async () => {
    const asked = (async () => {
      for (let more = 0; more < SMALL; more++) await flow();
    })();
    await assert.rejects(asked, { message: /sendto: EPERM/ });
    assert.equal(machine.read("net/netfilter/nf_conntrack_count"), SMALL);
  });

  await t.step("says that there is room again, once its advice was followed", async () => {
    await configure({ maxPerCore: 1, min: 50_000, udpTimeout: "10m" });
    await limitIs(50_000);
    await weir.said(/^I.*"The conntrack table has room again" entries=\d+ limit=50000$/m);
    assert.equal(weir.log.match(/nearly full/g)?.length, 1);
    assert.doesNotMatch(weir.log, /^E/m);
  });
});
