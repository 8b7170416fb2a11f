import assert from "node:assert/strict";
import { gateFault, GATES, resolveGates, stageOf } from "./gates.ts";

/** The gates of kube-proxy 1.24, as its help lists them, and those since that touch it. */
const SOME = {
  "1.24": [
    "APIListChunking",
    "WinDSR",
    "MemoryQoS",
    "EndpointSliceTerminatingCondition",
    "SeccompDefault",
  ],
  "since": [
    "NFTablesProxyMode",
    "KubeProxyIPVS",
    "NFTablesNetlink",
    "StrictIPCIDRValidation",
    "NativeHistograms",
  ],
};

Deno.test("the gates of 1.24 and those since that touch kube-proxy are known", () => {
  assert.equal(GATES.size, 122);
  for (const name of Object.values(SOME).flat()) assert.equal(gateFault(name, true), undefined);
});

const faults: readonly (readonly [string, boolean, RegExp])[] = [
  [
    "AllowServiceExternalIP",
    false,
    /^there is no such feature gate; did you mean AllowServiceExternalIPs\?$/,
  ],
  ["ComponentStatusZs", true, /did you mean ComponentStatusz\?$/],
  ["NFTablesProxyMode", false, /^it is locked to true/],
  ["WinDSR", false, /^it is locked to true/],
];

for (const [name, value, why] of faults) {
  Deno.test(`the gate ${name}=${value} is refused`, () => {
    assert.match(gateFault(name, value) ?? "", why);
  });
}

Deno.test("gates of other components, of whatever version, are taken and told of", () => {
  const others = [
    "ExecProbeTimeout",
    "SidecarContainers",
    "ComponentSLIs",
    "InPlacePodVerticalScaling",
  ];
  for (const name of others) assert.equal(gateFault(name, true), undefined, name);
  assert.deepEqual(resolveGates({ SidecarContainers: true }).notes, [
    { gate: "SidecarContainers", meaning: "unknown" },
  ]);
});

Deno.test("a locked gate may be set to what it is", () => {
  assert.equal(gateFault("NFTablesProxyMode", true), undefined);
});

Deno.test("there are the gates that mean something here, and those that are given", () => {
  const { gates } = resolveGates({ SeccompDefault: true });
  assert.equal(gates["AllowServiceExternalIPs"], true);
  assert.equal(gates["LoggingAlphaOptions"], false);
  assert.equal(gates["SeccompDefault"], true);
  assert.equal(Object.hasOwn(gates, "MemoryQoS"), false);
});

Deno.test("AllAlpha sets what is alpha and not given itself, and AllBeta what is beta", () => {
  assert.equal(resolveGates({ AllAlpha: true }).gates["LoggingAlphaOptions"], true);
  const { gates } = resolveGates({ AllAlpha: true, LoggingAlphaOptions: false, AllBeta: false });
  assert.equal(gates["LoggingAlphaOptions"], false);
  assert.equal(gates["AllowServiceExternalIPs"], true, "which is neither");
});

Deno.test("what changes nothing is told, and why", () => {
  const { notes } = resolveGates({
    AllAlpha: false,
    AllowServiceExternalIPs: false,
    LoadBalancerIPMode: false,
    ProxyTerminatingEndpoints: true,
    SeccompDefault: true,
  });
  assert.deepEqual(notes, [
    { gate: "LoadBalancerIPMode", meaning: "always" },
    { gate: "SeccompDefault", meaning: "none" },
  ]);
});

Deno.test("the metric's stage of what is generally available is empty", () => {
  assert.deepEqual(["LoggingAlphaOptions", "NFTablesNetlink", "NFTablesProxyMode"].map(stageOf), [
    "ALPHA",
    "BETA",
    "",
  ]);
});
