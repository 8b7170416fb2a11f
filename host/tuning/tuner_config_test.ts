import assert from "node:assert/strict";
import type { TunerConfig } from "../../schemas/calls.ts";
import { type ConntrackSettings, tunerConfigOf } from "./tuner_config.ts";

const NOTHING: ConntrackSettings = {
  maxPerCore: 0,
  min: 0,
  tcpEstablishedTimeout: 0,
  tcpCloseWaitTimeout: 0,
  tcpBeLiberal: false,
  udpTimeout: 0,
  udpStreamTimeout: 0,
};

const CASES: readonly (readonly [string, Partial<ConntrackSettings>, TunerConfig])[] = [
  ["nothing is nothing", {}, {}],
  ["kube-proxy's defaults, in seconds", {
    maxPerCore: 32_768,
    min: 131_072,
    tcpEstablishedTimeout: 86_400_000,
    tcpCloseWaitTimeout: 3_600_000,
  }, {
    maxPerCore: 32_768,
    min: 131_072,
    tcpEstablishedTimeout: 86_400,
    tcpCloseWaitTimeout: 3_600,
  }],
  ["a least number alone is nothing", { min: 131_072 }, {}],
  ["entries per processor alone", { maxPerCore: 1 }, { maxPerCore: 1 }],
  ["be liberal", { tcpBeLiberal: true }, { tcpBeLiberal: true }],
  ["timeouts of UDP", { udpTimeout: 5_000, udpStreamTimeout: 60_000 }, {
    udpTimeout: 5,
    udpStreamTimeout: 60,
  }],
  ["parts of a second are dropped, but not the last one", {
    udpTimeout: 1_999,
    udpStreamTimeout: 1,
  }, { udpTimeout: 1, udpStreamTimeout: 1 }],
];

for (const [what, settings, expected] of CASES) {
  Deno.test(`a tuner is told: ${what}`, () => {
    assert.deepEqual(tunerConfigOf({ ...NOTHING, ...settings }), expected);
  });
}
