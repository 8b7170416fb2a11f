import assert from "node:assert/strict";
import { formatProblem } from "../problem.ts";
import { readConfigFile } from "./file.ts";

const KUBE_PROXY = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";
const WEIR = "apiVersion: weir.dev/v1alpha1\nkind: WeirConfiguration\n";

const read = (text: string) => readConfigFile("c.yaml", text);

for (
  const [what, text] of [
    [
      "kube-proxy's document first",
      `${KUBE_PROXY}mode: nftables\n---\n${WEIR}configReload: exit\n`,
    ],
    ["weir's document first", `${WEIR}configReload: exit\n---\n${KUBE_PROXY}mode: nftables\n---\n`],
  ] as const
) {
  Deno.test(`a file may hold both documents, ${what}`, () => {
    const { inputs, problems, present } = read(text);
    assert.deepEqual(inputs, { kubeProxy: { mode: "nftables" }, weir: { configReload: "exit" } });
    assert.deepEqual(problems, []);
    assert.deepEqual([...present].sort(), ["kubeProxy", "weir"]);
  });
}

Deno.test("what kube-proxy takes for unset is unset", () => {
  const { inputs } = read(
    `${KUBE_PROXY}bindAddress: ""\nhealthzBindAddress: ""\nclientConnection: {qps: 0, burst: 0}\n` +
      "iptables: {syncPeriod: 0s, minSyncPeriod: 0s}\nconntrack: {min: 0}\n",
  );
  assert.deepEqual(inputs.kubeProxy, {
    bindAddress: null,
    healthzBindAddress: null,
    clientConnection: { qps: null, burst: null },
    iptables: { syncPeriod: null, minSyncPeriod: "0s" },
    conntrack: { min: 0 },
  });
});

const warnings: readonly (readonly [string, string, string])[] = [
  [
    "an unknown field",
    `${KUBE_PROXY}contrack: {}\n`,
    'Ignored contrack "{}" of c.yaml, line 3, column 1: there is no such field; did you mean conntrack?',
  ],
  [
    "an unknown field within another",
    `${KUBE_PROXY}iptables:\n  masqueradeBits: 3\n`,
    'Ignored iptables.masqueradeBits "3" of c.yaml, line 4, column 3: there is no such field; did you mean masqueradeBit?',
  ],
  [
    "an unknown field of a plugin",
    `${WEIR}plugins:\n  mine: {reference: /x.ts, colour: red}\n`,
    'Ignored plugins.mine.colour "red" of c.yaml, line 4, column 28: there is no such field',
  ],
  [
    "a field of another case",
    `${KUBE_PROXY}clustercidr: 10.0.0.0/8\n`,
    'Ignored clustercidr "10.0.0.0/8" of c.yaml, line 3, column 1: there is no such field; did you mean clusterCIDR?',
  ],
  [
    "a field that stands there twice",
    `${KUBE_PROXY}mode: ipvs\nmode: nftables\n`,
    'Ignored mode "nftables" of c.yaml, line 4, column 1: it stands there more than once, and the last one counts',
  ],
];

for (const [what, text, told] of warnings) {
  Deno.test(`${what} is warned of, with its line and the nearest name, and does not stop weir`, () => {
    const { problems } = read(text);
    assert.deepEqual(problems.map(({ severity }) => severity), ["warning"]);
    assert.deepEqual(problems.map(formatProblem), [told]);
  });
}

const errors: readonly (readonly [string, string, RegExp])[] = [
  ["an empty file", "", /line 1, column 1: there is no KubeProxyConfiguration and no Weir/],
  ["comments alone", "# nothing\n", /there is no KubeProxyConfiguration/],
  [
    "a list",
    "- a\n",
    /document of c\.yaml, line 1, column 1: it is a list, and it needs a KubeProxy/,
  ],
  ["a document without a kind", "mode: x\n", /it has no kind; KubeProxyConfiguration and Weir/],
  [
    "another kind",
    "\nkind: KubeProxyConfig\napiVersion: v1\n",
    /kind "KubeProxyConfig" of c\.yaml, line 2, column 1: .*did you mean KubeProxyConfiguration\?/,
  ],
  [
    "another version",
    "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1\n",
    /apiVersion "kubeproxy.config.k8s.io\/v1" of c\.yaml, line 2, .*is kubeproxy\.config\.k8s\.io\/v1alpha1/,
  ],
  ["no version", "kind: WeirConfiguration\n", /is weir\.dev\/v1alpha1/],
  [
    "two of a kind",
    `${WEIR}---\n${WEIR}`,
    /line 5, column 1: there is a WeirConfiguration before it/,
  ],
  ["no YAML", "a: [", /it is no YAML: /],
];

for (const [what, text, told] of errors) {
  Deno.test(`${what} is an error that says where`, () => {
    const { problems } = read(text);
    assert.deepEqual(problems.map(({ severity }) => severity), ["error"]);
    assert.match(problems.map(formatProblem).join("\n"), told);
  });
}
