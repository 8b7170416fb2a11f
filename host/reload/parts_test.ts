import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { resolveRequest } from "../config/resolve.ts";
import { compareConfigs, PARTS } from "./parts.ts";

async function configOf(...args: string[]): Promise<WeirConfig> {
  const request = await resolveRequest(args, { hostname: () => "here" });
  assert.ok(request.type === "proxy", JSON.stringify(request));
  return request.config;
}

const PLAIN = await configOf();

Deno.test("every field of a configuration has a part", () => {
  const without: string[] = [];
  const walk = (path: string, value: unknown, part: unknown) => {
    if (typeof part === "string") return;
    if (typeof value !== "object" || value === null || typeof part !== "object" || part === null) {
      without.push(path);
    } else {
      for (const [key, inner] of Object.entries(value)) {
        walk(`${path}.${key}`, inner, Object.entries(part).find(([name]) => name === key)?.[1]);
      }
    }
  };
  walk("", PLAIN, PARTS);
  assert.deepEqual(without, []);
});

Deno.test("a configuration that says the same touches nothing", async () => {
  assert.deepEqual(compareConfigs(PLAIN, await configOf("--proxy-mode=nftables")), []);
});

const changes: readonly (readonly [flags: string, told: string])[] = [
  ["--manifests=/a", 'source manifests "" "/a"'],
  ["--kubeconfig=/a", 'source clientConnection.kubeconfig "" "/a"'],
  ["--kube-api-qps=7", "source clientConnection.qps 5 7"],
  ["--hostname-override=there", 'node nodeName "here" "there"'],
  [
    "--healthz-bind-address=127.0.0.1:1",
    'servers healthzBindAddress "0.0.0.0:10256" "127.0.0.1:1"',
  ],
  [
    "--proxy-mode=./x.ts",
    'plugins mode {"type":"builtin","name":"nftables"} {"type":"plugin","name":"./x.ts","reference":"./x.ts"}',
  ],
  ["--cluster-cidr=10.0.0.0/8", 'detection clusterCIDRs [] ["10.0.0.0/8"]'],
  ["--nodeport-addresses=all", 'nodePorts nodePortAddresses ["primary"] ["all"]'],
  ["--masquerade-all", "rules proxier.masqueradeAll false true"],
  ["-v=4", "logging logging.verbosity 0 4"],
];

for (const [flag, told] of changes) {
  Deno.test(`${flag} is told with its field, its part and both values`, async () => {
    const lines = compareConfigs(PLAIN, await configOf(flag)).map((
      { field, part, before, after },
    ) => `${part} ${field} ${JSON.stringify(before)} ${JSON.stringify(after)}`);
    assert.deepEqual(lines, [told]);
  });
}
