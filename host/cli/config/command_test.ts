import assert from "node:assert/strict";
import type { CliIo } from "../cli.ts";
import { runConfigCommand } from "./command.ts";

const KUBE_PROXY = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";
const WEIR = "apiVersion: weir.dev/v1alpha1\nkind: WeirConfiguration\n";

/** Runs `weir config …` among these files, and beside whoever answers at /configz. */
async function run(
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
  configz: Readonly<Record<string, unknown>> = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  const asked: string[] = [];
  const io: CliIo = {
    stdout: (text) => out.push(text),
    stderr: (text) => err.push(text),
    terminal: { stdout: false, stderr: false },
    env: () => undefined,
    hostname: () => "node-1",
    readText: async (path) => files[path] ?? Promise.reject(new Error("it is not there")),
    writeText: () => Promise.reject(new Error("nothing is written")),
  };
  const code = await runConfigCommand(args, io, {
    getJson: async (url) => {
      asked.push(url);
      return configz[url] ?? Promise.reject(new Error("nobody answers"));
    },
  });
  return { code, out: out.join(""), err: err.join(""), asked };
}

Deno.test("a file that weir can use is said to be so, and ends with 0", async () => {
  const { code, out } = await run(["check", "c.yaml"], { "c.yaml": `${KUBE_PROXY}---\n${WEIR}` });
  assert.deepEqual({ code, out }, { code: 0, out: "c.yaml: weir can use it\n" });
});

Deno.test("all that is wrong is told in the order of the lines, and ends with 1", async () => {
  const { code, out } = await run(["check", "c.yaml"], {
    "c.yaml": `${KUBE_PROXY}mode: ipvs\nconntrak: {}\noomScoreAdj: high\nfeatureGates:\n` +
      `  LoadBalancerIPMode: false\n---\n${WEIR}limits: {deaths: 0}\n`,
  });
  assert.equal(code, 1);
  assert.equal(
    out,
    `c.yaml:3:1: error: mode "ipvs": this version of weir has nftables or the path of a plugin; use nftables, or let it serve in this mode's place by --proxy-mode-fallback
c.yaml:4:1: warning: conntrak "{}": there is no such field; did you mean conntrack?
c.yaml:5:1: error: oomScoreAdj "high": it is the text "high", and it needs an integer from -1000 to 1000
c.yaml:11:10: error: limits.deaths "0": it is the number 0, and it needs an integer from 1 to 1000
c.yaml: weir cannot use it, 3 errors and 1 warning
`,
  );
});

Deno.test("a gate that weir cannot switch off is warned of, and the file can be used", async () => {
  const { code, out } = await run(["check", "c.yaml"], {
    "c.yaml": `${KUBE_PROXY}featureGates:\n  LoadBalancerIPMode: false\n`,
  });
  assert.equal(code, 0);
  assert.match(out, /^c\.yaml:4:3: warning: featureGates\.LoadBalancerIPMode "false": it changes/);
});

Deno.test("a plugin that nothing asks for is warned of, with the name that was meant", async () => {
  const { code, out } = await run(["check", "c.yaml"], {
    "c.yaml": "apiVersion: weir.dev/v1alpha1\nkind: WeirConfiguration\n" +
      "plugins:\n  detect-clustercidr: { reference: /opt/x.ts }\n",
  });
  assert.equal(code, 0);
  assert.match(
    out,
    /^c\.yaml:4:3: warning: plugins\.detect-clustercidr.*: it changes nothing: .*"/,
  );
});

Deno.test("programs are told of problems in JSON", async () => {
  const { code, out } = await run(["check", "c.yaml", "-o", "json"], {
    "c.yaml": `${KUBE_PROXY}conntrack:\n  min: -1\n`,
  });
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(out), {
    file: "c.yaml",
    usable: false,
    problems: [{
      severity: "error",
      file: "c.yaml",
      kind: "KubeProxyConfiguration",
      path: ["conntrack", "min"],
      value: '"-1"',
      message: "it is the number -1, and it needs an integer from 0 to 2147483647",
      line: 4,
      column: 3,
    }],
  });
});

const RUNS = {
  "http://127.0.0.1:10249/configz": {
    "kubeproxy.config.k8s.io": {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      clusterCIDR: "10.0.0.0/8",
    },
  },
};

Deno.test("a file is compared with the kube-proxy that runs, by what it says of itself", async () => {
  const { code, out } = await run(
    ["diff", "c.yaml", "-o", "json"],
    { "c.yaml": `${KUBE_PROXY}clusterCIDR: 10.244.0.0/16\n---\n${WEIR}configReload: exit\n` },
    RUNS,
  );
  assert.equal(code, 0);
  const { comparedWith, differences } = JSON.parse(out);
  assert.equal(comparedWith, "what runs (http://127.0.0.1:10249/configz)");
  assert.deepEqual(
    differences.find(({ path }: { path: string[] }) => path[0] === "clusterCIDR"),
    {
      kind: "KubeProxyConfiguration",
      path: ["clusterCIDR"],
      before: "10.0.0.0/8",
      after: "10.244.0.0/16",
    },
  );
  assert.ok(
    !differences.some(({ kind }: { kind: string }) => kind === "WeirConfiguration"),
    "which a kube-proxy has not",
  );
});

Deno.test("what is secret in a URL is masked by what runs, and is no difference", async () => {
  const endpoint = (text: string) => ({ telemetry: { tracesEndpoint: text } });
  const configz = {
    "http://127.0.0.1:10249/configz": {
      "kubeproxy.config.k8s.io": { kind: "KubeProxyConfiguration" },
      "weir.dev": { kind: "WeirConfiguration", ...endpoint("https://***@traces:4318/?key=***") },
    },
  };
  for (const [host, count] of [["traces", 0], ["other", 1]] as const) {
    const url = `https://me:secret@${host}:4318/?key=secret`;
    const { out } = await run(
      ["diff", "c.yaml", "-o", "json"],
      { "c.yaml": `${WEIR}telemetry: {tracesEndpoint: "${url}"}\n` },
      configz,
    );
    const found = JSON.parse(out).differences.filter(({ path }: { path: string[] }) =>
      path.includes("tracesEndpoint")
    );
    assert.equal(found.length, count);
    assert.doesNotMatch(out, /secret/);
  }
});

const asked: readonly (readonly [string, string])[] = [
  ["", "http://127.0.0.1:10249/configz"],
  ["metricsBindAddress: 0.0.0.0:1234\n", "http://127.0.0.1:1234/configz"],
  ['metricsBindAddress: "[::]:1234"\n', "http://[::1]:1234/configz"],
  ["metricsBindAddress: 10.0.0.7\n", "http://10.0.0.7:10249/configz"],
];

for (const [fields, url] of asked) {
  Deno.test(`who has "${fields.trim()}" is asked at ${url}`, async () => {
    const { asked } = await run(["diff", "c.yaml"], { "c.yaml": KUBE_PROXY + fields });
    assert.deepEqual(asked, [url]);
  });
}

Deno.test("when nobody answers a file is compared with the defaults, and it is said so", async () => {
  const { code, out, err } = await run(["diff", "c.yaml"], {
    "c.yaml": `${KUBE_PROXY}conntrack: {min: 5}\nnodePortAddresses: []\n---\n${WEIR}` +
      "limits: {deaths: 3}\n",
  });
  assert.equal(code, 0);
  assert.equal(
    out,
    `Compared with the defaults, as nobody tells his at http://127.0.0.1:10249/configz:
KubeProxyConfiguration conntrack.min: 131072 → 5
WeirConfiguration limits.deaths: 5 → 3
`,
  );
  assert.equal(err, 'Cannot ask "http://127.0.0.1:10249/configz": nobody answers\n');
});

Deno.test("what may come from the command line of what runs is said to", async () => {
  const [url, said] = Object.entries(RUNS)[0] ?? ["", {}];
  const document = { ...said["kubeproxy.config.k8s.io"], hostnameOverride: "n1" };
  const { err } = await run(["diff", "c.yaml"], { "c.yaml": KUBE_PROXY }, {
    [url]: { "kubeproxy.config.k8s.io": document },
  });
  assert.equal(
    err,
    "What runs may have hostnameOverride and logging from its command line, which wins over a file.\n",
  );
});

Deno.test("two files are compared with each other, whatever runs", async () => {
  const files = {
    "a.yaml": `${KUBE_PROXY}iptables: {syncPeriod: 60s}\n`,
    "b.yaml": `${KUBE_PROXY}iptables: {syncPeriod: 1m}\n`,
  };
  const { out, asked } = await run(["diff", "a.yaml", "--against", "b.yaml"], files);
  assert.equal(out, "Nothing differs from b.yaml.\n");
  assert.deepEqual(asked, []);
});

Deno.test("a file that cannot be used is not compared: what is wrong is told", async () => {
  const files = { "a.yaml": KUBE_PROXY, "b.yaml": `${KUBE_PROXY}conntrack: 3\n` };
  for (const args of [["b.yaml"], ["a.yaml", "--against", "b.yaml"]]) {
    const { code, out, err } = await run(["diff", ...args], files);
    assert.deepEqual({ code, out }, { code: 1, out: "" });
    assert.match(err, /^b\.yaml:3:1: error: conntrack "3": /);
  }
});

Deno.test("a server that was named must answer", async () => {
  await assert.rejects(run(["diff", "c.yaml", "--server=http://a/configz"], { "c.yaml": WEIR }), {
    message: 'Cannot compare with "http://a/configz": nobody answers',
  });
});

Deno.test("who is named may be an address, as for other commands, or the URL of /configz", async () => {
  for (
    const [server, url] of [
      ["127.0.0.1:9", "http://127.0.0.1:9/configz"],
      ["::1", "http://[::1]:10249/configz"],
      ["localhost", "http://localhost:10249/configz"],
      ["http://127.0.0.1:9/", "http://127.0.0.1:9/configz"],
      ["https://a.example/api/v1/nodes/n/proxy/configz", undefined],
    ] as const
  ) {
    const at = url ?? server;
    const { asked } = await run(["diff", "c.yaml", "--server", server], { "c.yaml": KUBE_PROXY }, {
      [at]: { "kubeproxy.config.k8s.io": {} },
    });
    assert.deepEqual(asked, [at]);
  }
});

Deno.test("a server that tells something else than a proxy's configuration is not compared with", async () => {
  const args = ["diff", "c.yaml", "--server=http://a/configz"];
  await assert.rejects(run(args, { "c.yaml": WEIR }, { "http://a/configz": { up: true } }), {
    message: /"http:\/\/a\/configz": who answers tells no configuration of a proxy/,
  });
});

Deno.test("the JSON Schema describes every field of both documents", async () => {
  const { code, out } = await run(["schema"]);
  assert.equal(code, 0);
  const { $defs } = JSON.parse(out);
  assert.deepEqual(Object.keys($defs), ["KubeProxyConfiguration", "WeirConfiguration"]);
  const undescribed: string[] = [];
  const walk = (path: string, value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "properties") {
        for (const [name, field] of Object.entries(inner as Record<string, object>)) {
          const known = "description" in field || "const" in field;
          if (!known) undescribed.push(`${path}.${name}`);
          walk(`${path}.${name}`, field);
        }
      } else walk(path, inner);
    }
  };
  walk("", $defs);
  assert.deepEqual(undescribed, []);
  const { properties } = $defs.KubeProxyConfiguration;
  assert.equal(properties.apiVersion.const, "kubeproxy.config.k8s.io/v1alpha1");
  assert.deepEqual(properties.oomScoreAdj, {
    anyOf: [{ type: "integer", minimum: -1000, maximum: 1000 }, { type: "null" }],
    default: -999,
    description: "weir's own oom_score_adj.",
  });
});

for (
  const [args, says] of [
    [["chek", "c.yaml"], /unknown command 'chek'\n\(Did you mean check\?\)/],
    [["check"], /missing required argument 'file'/],
    [["check", "c.yaml", "-o", "xml"], /Allowed choices are text, json/],
    [
      ["diff", "c.yaml", "--server", "node-7"],
      /^weir: Cannot use command line "weir config diff c.yaml --server node-7": .* Give an address.*\nRun weir config --help\.\n$/,
    ],
    [[], /^Usage: weir config/],
  ] as const
) {
  Deno.test(`weir config ${args.join(" ")} cannot be understood, and ends with 2`, async () => {
    const { code, err } = await run(args, { "c.yaml": WEIR });
    assert.equal(code, 2);
    assert.match(err, says);
  });
}

Deno.test("a file that is not there is told of", async () => {
  await assert.rejects(run(["check", "none.yaml"]), {
    message: 'Cannot read configuration file "none.yaml": it is not there',
  });
});
