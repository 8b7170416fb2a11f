import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import { resolveRequest } from "../config/resolve.ts";
import { sampleNode } from "../samples.ts";
import { makeReady, type Makers } from "./make_ready.ts";

async function configOf(...args: string[]): Promise<WeirConfig> {
  const request = await resolveRequest(args, {
    hostname: () => "here",
    readText: () => Promise.reject(new Error("no files are read here")),
  });
  assert.ok(request.type === "proxy", JSON.stringify(request));
  return request.config;
}

const BEFORE = await configOf();

/** Makers that tell what they do; the one named fails. */
function makers(told: string[], failing = ""): Makers {
  const prepared = (name: string) => {
    if (name === failing) throw new Error(`no ${name}`);
    told.push(`${name} ready`);
    return {
      commit: () => void told.push(`${name} in force`),
      abort: () => void told.push(`${name} dropped`),
      node: (node: string) => sampleNode("", { name: node }),
    };
  };
  const later = (name: string) => Promise.resolve().then(() => prepared(name));
  return {
    misfit: () =>
      failing === "misfit" ? new WeirError("WEIR_CONFIG_INVALID", "it does not fit") : undefined,
    logging: () => prepared("logging"),
    servers: () => later("servers"),
    source: () => later("source"),
    localTraffic: async (_next, node) => {
      told.push(`detection for ${node?.name ?? "no node"}`);
      return await later("detection");
    },
    node: () => undefined,
    proxierIdentity: ({ mode }) => JSON.stringify(mode),
    switchProxier: async () => {
      await later("proxier");
    },
  };
}

const EVERYTHING = [
  "-v=1",
  "--healthz-bind-address=127.0.0.1:1",
  "--hostname-override=there",
  "--proxy-mode=./other.ts",
];

Deno.test("everything is ready before anything is in force, the proxier last", async () => {
  const told: string[] = [];
  const { commit, touched } = await makeReady(
    BEFORE,
    await configOf(...EVERYTHING),
    makers(told),
  );
  assert.deepEqual(told, [
    "logging ready",
    "servers ready",
    "source ready",
    "detection for there",
    "detection ready",
    "proxier ready",
  ]);
  told.length = 0;
  commit();
  assert.deepEqual(told, [
    "logging in force",
    "servers in force",
    "source in force",
    "detection in force",
  ]);
  assert.deepEqual([touched("logging"), touched("pace"), touched("pace", "node")], [
    true,
    false,
    true,
  ]);
});

for (const failing of ["logging", "servers", "source", "detection", "proxier"]) {
  Deno.test(`when the ${failing} cannot be made ready, nothing is in force and all is dropped`, async () => {
    const told: string[] = [];
    const next = await configOf(...EVERYTHING);
    await assert.rejects(makeReady(BEFORE, next, makers(told, failing)), {
      message: `no ${failing}`,
    });
    const names = (end: string) =>
      told.filter((line) => line.endsWith(end)).map((line) => line.split(" ")[0]);
    assert.deepEqual(names("dropped"), names("ready"));
    assert.deepEqual(names("in force"), []);
  });
}

Deno.test("what does not fit the node is refused before anything is made ready", async () => {
  const told: string[] = [];
  await assert.rejects(
    makeReady(BEFORE, await configOf(...EVERYTHING), makers(told, "misfit")),
    /does not fit/,
  );
  assert.deepEqual(told, []);
});

const alone: readonly (readonly [flag: string, told: readonly string[]])[] = [
  ["--cluster-cidr=10.0.0.0/8", ["detection for no node", "detection ready"]],
  ["--kube-api-qps=7", ["source ready"]],
  ["--metrics-bind-address=127.0.0.1:1", ["servers ready"]],
  ["--masquerade-all", []],
  ["--nodeport-addresses=all", []],
];

for (const [flag, expected] of alone) {
  Deno.test(`${flag} makes ready what it is about, and nothing else`, async () => {
    const told: string[] = [];
    await makeReady(BEFORE, await configOf(flag), makers(told));
    assert.deepEqual(told, expected);
  });
}
