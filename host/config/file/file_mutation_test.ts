/**
 * Files that somebody, or something, has spoilt. By hand with more of them:
 * `deno test --ignore-env --allow-read=. host/config/file/file_mutation_test.ts -- 100000`.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import { resolveRequest } from "../resolve.ts";
import { writeConfig } from "../write.ts";

/** How many files in a run of all tests. */
const USUAL = 1_500;
const RUNS = Number(Deno.args[0] ?? USUAL);

/** Milliseconds that no file may take, however starved the machine is. */
const LONGEST = 5_000;

const WEIR = `apiVersion: weir.dev/v1alpha1
kind: WeirConfiguration
plugins:
  mine:
    reference: ./mine.ts
    sha256: ${"ab".repeat(32)}
    policy:
      nft: {tables: [one, two]}
      conntrack: {flows: services}
  proxier-nftables: {policy: {nft: {tables: own}}}
limits: {deaths: 3, memoryBytes: 268435456}
proxyModeFallback: true
configReload: exit
conntrack: {removeTCPFlows: true}
`;

const FULL = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: mine
bindAddress: "::"
hostnameOverride: node-7
clusterCIDR: 10.244.0.0/16,fd00::/56
nodePortAddresses: &addresses [10.0.0.0/8, 192.168.0.0/16]
ipvs: {excludeCIDRs: *addresses, syncPeriod: 1m}
featureGates: {AllAlpha: false, AllowServiceExternalIPs: true, LoggingAlphaOptions: yes}
detectLocalMode: InterfaceNamePrefix
detectLocal: {interfaceNamePrefix: veth}
logging:
  flushFrequency: 1500000000
  vmodule:
  - filePattern: sync*
    verbosity: 0x4
  options: {json: {infoBufferSize: 64Ki}}
portRange: 30000+100
udpIdleTimeout: 250ms
`;

async function resolve(text: string) {
  return await resolveRequest(["--config=c.yaml"], {
    hostname: () => "node-1",
    readText: async () => text,
  });
}

async function defaults(): Promise<string> {
  const request = await resolveRequest(["--write-config-to=x"], { hostname: () => "node-1" });
  assert.ok(request.type === "write-config");
  return await writeConfig(request.documents);
}

const DEFAULTS = await defaults();
const FILES = [
  DEFAULTS,
  `${DEFAULTS}---\n${WEIR.replaceAll("mine", "yours")}`,
  `${FULL}---\n${WEIR}`,
  // What a control plane renders.
  '{"apiVersion":"kubeproxy.config.k8s.io/v1alpha1","kind":"KubeProxyConfiguration",\n' +
  '\t"conntrack":{"min":null,"maxPerCore":0},\n\t"nodePortAddresses":["10.0.0.0/8"]}',
];

/** What has ever broken a parser, and what is nearly right here. */
const SCRAPS = [
  ..."{}[]:,&*!|>'\"%@`#-?\t \n\r\0\u0085\u2028\ufeff\u{1f600}\ud800",
  "<<: *addresses",
  "&a [*a]",
  "*addresses",
  "---\n",
  "...\n",
  "%YAML 1.3\n",
  "!!binary ",
  "!!js/function ",
  "__proto__: {mode: ipvs}\n",
  "constructor: 1\n",
  "toString: 1\n",
  "? [a]\n: b\n",
  "9223372036854775808ns",
  "-1s",
  "1e400",
  "-0",
  ".nan",
  ".inf",
  "0x",
  "null",
  "~",
  "yes",
  "2001-01-01",
  "99999999999999999999999",
  "kind: WeirConfiguration\n",
];

const scrap = fc.oneof(fc.constantFrom(...SCRAPS), fc.string({ maxLength: 6 }));

type Mutation = (text: string) => string;

function at(text: string, place: number): number {
  return Math.floor(place * (text.length + 1));
}

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** Changes of the text, as editors, templates and merges make them. */
const textual: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, scrap).map(([where, what]): Mutation => (text) => {
    const offset = at(text, where);
    return text.slice(0, offset) + what + text.slice(offset);
  }),
  fc.tuple(place, fc.nat(20)).map(([where, length]): Mutation => (text) => {
    const offset = at(text, where);
    return text.slice(0, offset) + text.slice(offset + length);
  }),
  place.map((where): Mutation => (text) => text.slice(0, at(text, where))),
  fc.tuple(place, place).map(([from, to]): Mutation => (text) => {
    const lines = text.split("\n");
    const line = lines[Math.floor(from * lines.length)] ?? "";
    lines.splice(Math.floor(to * lines.length), 0, line);
    return lines.join("\n");
  }),
  fc.tuple(place, fc.constantFrom("  ", "\t", " ", "    ")).map(
    ([where, indent]): Mutation => (text) => {
      const lines = text.split("\n");
      const i = Math.floor(where * lines.length);
      lines[i] = indent + (lines[i] ?? "");
      return lines.join("\n");
    },
  ),
  // The value of a line.
  fc.tuple(place, fc.oneof(scrap, fc.json({ maxDepth: 2 }))).map(
    ([where, value]): Mutation => (text) => {
      const lines = text.split("\n");
      const i = Math.floor(where * lines.length);
      lines[i] = (lines[i] ?? "").replace(/:.*$/, () => `: ${value}`);
      return lines.join("\n");
    },
  ),
  // A name that has slipped.
  fc.tuple(place, fc.nat(12)).map(([where, letter]): Mutation => (text) => {
    const lines = text.split("\n");
    const i = Math.floor(where * lines.length);
    const line = lines[i] ?? "";
    lines[i] = line.slice(0, letter) + line.slice(letter + 1);
    return lines.join("\n");
  }),
);

const spoilt = fc.tuple(
  fc.constantFrom(...FILES),
  fc.array(textual, { minLength: 1, maxLength: 4 }),
).map(([file, mutations]) => mutations.reduce((text, mutate) => mutate(text), file));

/** Documents of the right kind that hold anything. */
const strange = fc.tuple(
  fc.constantFrom(
    ["kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"],
    ["weir.dev/v1alpha1", "WeirConfiguration"],
  ),
  fc.dictionary(
    fc.constantFrom(
      "conntrack",
      "featureGates",
      "iptables",
      "limits",
      "logging",
      "mode",
      "nodePortAddresses",
      "plugins",
      "udpIdleTimeout",
      "__proto__",
      "x",
    ),
    fc.jsonValue({ maxDepth: 4 }),
    { maxKeys: 5 },
  ),
).map(([[apiVersion, kind], fields]) => stringify({ ...fields, apiVersion, kind }));

async function judge(text: string): Promise<void> {
  const startedAt = performance.now();
  const request = await resolve(text);
  assert.ok(performance.now() - startedAt < LONGEST, "it took too long");
  if (request.type === "refused") {
    assert.ok(request.problems.length > 0);
    assert.equal(request.source, "file");
    for (const { message, code } of request.problems) {
      assert.match(message, /^Cannot use .* of c\.yaml, line [1-9]\d*, column [1-9]\d*: \S/su);
      assert.equal(code, "WEIR_CONFIG_INVALID");
    }
    for (const warning of request.warnings) {
      assert.match(warning, /^Ignored .* of c\.yaml, line [1-9]\d*, column [1-9]\d*: \S/su);
    }
    return;
  }
  assert.equal(request.type, "proxy");
  // Whatever is accepted can be written, and reads the same.
  const written = await rewritten(text);
  assert.equal(await rewritten(written), written);
}

async function rewritten(text: string): Promise<string> {
  const request = await resolveRequest(["--config=c.yaml", "--write-config-to=x"], {
    hostname: () => "node-1",
    readText: async () => text,
  });
  assert.ok(request.type === "write-config", Deno.inspect(request));
  return await writeConfig(request.documents);
}

for (const [i, file] of FILES.entries()) {
  Deno.test(`the file ${i + 1} that is spoilt below is right before`, async () => {
    const request = await resolve(file);
    assert.equal(request.type, "proxy", Deno.inspect(request));
  });
}

Deno.test(`none of ${RUNS} spoilt files is a crash, a hang or a fault without its line`, async () => {
  await fc.assert(fc.asyncProperty(spoilt, judge), { numRuns: RUNS });
});

Deno.test("nor is any document that holds what no document holds", async () => {
  await fc.assert(fc.asyncProperty(strange, judge), { numRuns: Math.ceil(RUNS / 3) });
});
