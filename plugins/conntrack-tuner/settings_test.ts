import assert from "node:assert/strict";
import type { TunerConfig } from "weir";
import { settingsOf, trackedEntries } from "./settings.ts";

/** Upstream's cases (1.37), and what it leaves open. */
const ENTRIES: readonly (readonly [string, number, number, number, number])[] = [
  ["nothing is wanted", 8, 0, 0, 0],
  ["the processors ask for more than the least", 8, 67_890, 1, 543_120],
  ["the least is more than the processors ask for", 8, 1, 123_456, 123_456],
  ["nothing is wanted per processor: the least is ignored", 8, 0, 123_456, 0],
  ["there is no least", 2, 32_768, 0, 65_536],
  ["the defaults, 2 processors", 2, 32_768, 131_072, 131_072],
  ["the defaults, 16 processors", 16, 32_768, 131_072, 524_288],
  ["the defaults, 32 processors: just the cap", 32, 32_768, 131_072, 1_048_576],
  ["the processors ask for more than the cap", 512, 32_768, 0, 1_048_576],
  ["the least is above the cap", 8, 32_768, 2_000_000, 2_000_000],
  ["both are above the cap", 512, 32_768, 2_000_000, 2_000_000],
];

for (const [what, cpus, maxPerCore, min, entries] of ENTRIES) {
  Deno.test(`where ${what}, ${entries} entries are tracked`, () => {
    assert.equal(trackedEntries({ cpus }, { maxPerCore, min }), entries);
  });
}

const SETTINGS: readonly (readonly [string, TunerConfig, Readonly<Record<string, number>>])[] = [
  ["nothing leaves everything", {}, {}],
  ["zeros and false leave everything", {
    maxPerCore: 0,
    min: 0,
    tcpEstablishedTimeout: 0,
    tcpCloseWaitTimeout: 0,
    tcpBeLiberal: false,
    udpTimeout: 0,
    udpStreamTimeout: 0,
  }, {}],
  ["entries per processor set the limit and a quarter of it as hash size", { maxPerCore: 12 }, {
    max: 96,
    buckets: 24,
  }],
  ["the least counts once processors ask for less", { maxPerCore: 1, min: 40 }, {
    max: 40,
    buckets: 10,
  }],
  ["timeouts are seconds", {
    tcpEstablishedTimeout: 86_400,
    tcpCloseWaitTimeout: 3_600,
    udpTimeout: 5,
    udpStreamTimeout: 6,
  }, {
    tcp_timeout_established: 86_400,
    tcp_timeout_close_wait: 3_600,
    udp_timeout: 5,
    udp_timeout_stream: 6,
  }],
  ["be liberal is 1", { tcpBeLiberal: true }, { tcp_be_liberal: 1 }],
];

for (const [what, config, expected] of SETTINGS) {
  Deno.test(`of a configuration ${what}`, () => {
    const settings = settingsOf({ name: "n1", cpus: 8 }, config);
    assert.deepEqual(
      settings.map(({ key, value }) => [key, value]),
      Object.entries(expected).map((
        [name, value],
      ) => [`net.netfilter.nf_conntrack_${name}`, value]),
    );
  });
}
