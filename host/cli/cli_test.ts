import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import { runCli } from "./cli.ts";

/** Runs a command line against recorded effects. */
async function run(
  args: readonly string[],
  options: {
    terminal?: boolean;
    env?: Record<string, string>;
    fail?: Error;
    files?: Record<string, string>;
  } = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  const configs: WeirConfig[] = [];
  const written: (readonly [string, string])[] = [];
  const demos: (readonly string[])[] = [];
  const cleanups: { readonly dryRun: boolean }[] = [];
  const terminal = options.terminal ?? false;
  const code = await runCli(args, {
    stdout: (text) => out.push(text),
    stderr: (text) => err.push(text),
    terminal: { stdout: terminal, stderr: terminal },
    env: (name) => options.env?.[name],
    hostname: () => "Node-1",
    readText: async (path) => {
      const text = options.files?.[path];
      if (text === undefined) throw new Error("it is not there");
      return text;
    },
    writeText: async (path, text) => {
      if (path === "/") throw new Error("it is a folder");
      written.push([path, text]);
    },
  }, {
    version: "0.1.0",
    proxy: async (config) => {
      if (options.fail !== undefined) throw options.fail;
      configs.push(config);
      return 0;
    },
    cleanup: async (dryRun) => {
      cleanups.push({ dryRun });
      return 3;
    },
    commands: [{
      name: "demo",
      summary: "Show it in throw-away namespaces.",
      run: async (rest) => {
        demos.push(rest);
        return 7;
      },
    }],
  });
  return { code, out: out.join(""), err: err.join(""), configs, demos, cleanups, written };
}

Deno.test("weir --version prints its name and version, as kube-proxy does", async () => {
  const { code, out, err } = await run(["--version"]);
  assert.deepEqual({ code, out, err }, { code: 0, out: "weir v0.1.0\n", err: "" });
});

Deno.test("weir --help lists flags and commands on the standard output", async () => {
  const { code, out, configs } = await run(["-h"]);
  assert.equal(code, 0);
  assert.match(out, /^Usage: weir \[flags\]\n/);
  assert.match(out, /--proxy-mode <mode>/);
  assert.match(out, /demo +Show it in throw-away namespaces\./);
  assert.deepEqual(configs, []);
});

Deno.test("weir without a command runs the proxy with the configuration", async () => {
  const { code, configs, out, err } = await run(["--manifests", "dir", "-v=2"]);
  assert.deepEqual({ code, out, err }, { code: 0, out: "", err: "" });
  assert.deepEqual(
    configs.map(({ manifests, nodeName, logging }) => [
      manifests,
      nodeName,
      logging.verbosity,
    ]),
    [["dir", "node-1", 2]],
  );
});

Deno.test("weir demo hands everything behind it to the demo, and its exit code on", async () => {
  const { code, demos, configs } = await run(["demo", "--fast", "x"]);
  assert.equal(code, 7);
  assert.deepEqual(demos, [["--fast", "x"]]);
  assert.deepEqual(configs, []);
});

Deno.test("a command line that cannot be used ends with 2 and every reason", async () => {
  const { code, err, out, configs } = await run(["--cluster-cidr=x", "--v=y"]);
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(
    err,
    /^weir: Cannot use --v "y": it is not a 32-bit integer \(WEIR_CONFIG_INVALID\)$/m,
  );
  assert.match(err, /^weir: Cannot use --cluster-cidr "x": /m);
  assert.match(err, /\nRun weir --help for the flags\.\n$/);
  assert.deepEqual(configs, []);
});

Deno.test("an unknown flag ends with 2 and the nearest name", async () => {
  const { code, err } = await run(["--cluster-cdr=10.0.0.0/8"]);
  assert.equal(code, 2);
  assert.match(err, /unknown flag --cluster-cdr \(did you mean --cluster-cidr\?\)/);
});

Deno.test("a proxy that fails ends with 1 and its reason", async () => {
  const fail = new WeirError("WEIR_BIND", 'Cannot bind "1.2.3.4:1": it is taken');
  const { code, err } = await run([], { fail });
  assert.deepEqual({ code, err }, {
    code: 1,
    err: 'weir: Cannot bind "1.2.3.4:1": it is taken (WEIR_BIND)\n',
  });
});

Deno.test("a terminal does not obey what a plugin has put into a failure", async () => {
  const fail = new WeirError("WEIR_PLUGIN_FAILED", "no \x1b]0;mine\x07 \x1b[2J\n    at its line");
  const { err } = await run([], { fail });
  assert.equal(
    err,
    "weir: no \\u001b]0;mine\\u0007 \\u001b[2J\n    at its line (WEIR_PLUGIN_FAILED)\n",
  );
});

Deno.test("errors are red on a terminal, and plain with NO_COLOR", async () => {
  const fail = new Error("no");
  assert.equal((await run([], { fail, terminal: true })).err, "\x1b[31mweir:\x1b[39m no\n");
  assert.equal((await run([], { fail, terminal: true, env: { NO_COLOR: "1" } })).err, "weir: no\n");
});

const CLEANUPS = [
  [["cleanup"], false],
  [["--cleanup"], false],
  [["--cleanup=true", "--proxy-mode=nftables", "-v", "4"], false],
  [["cleanup", "--dry-run"], true],
  [["--cleanup", "--dry-run"], true],
  [["--dry-run", "--cleanup"], true],
  [["cleanup", "--dry-run=false"], false],
] as const;

for (const [args, dryRun] of CLEANUPS) {
  Deno.test(`weir ${args.join(" ")} ${dryRun ? "lists" : "removes"} what was left, and starts no proxy`, async () => {
    const { code, cleanups, configs } = await run(args);
    assert.deepEqual({ code, cleanups, configs }, { code: 3, cleanups: [{ dryRun }], configs: [] });
  });
}

const REFUSED = [
  [["--dry-run"], /^weir: Cannot use --dry-run "true": it goes with --cleanup only/],
  [["cleanup", "everything"], /^weir: Cannot use command line "weir --cleanup everything": /],
  [["cleanup", "--dry-run=perhaps"], /^weir: Cannot use --dry-run "perhaps": /],
] as const;

for (const [args, says] of REFUSED) {
  Deno.test(`weir ${args.join(" ")} is refused and nothing is removed`, async () => {
    const { code, err, cleanups, configs } = await run(args);
    assert.deepEqual({ code, cleanups, configs }, { code: 2, cleanups: [], configs: [] });
    assert.match(err, says);
  });
}

Deno.test("weir --cleanup=false is the proxy, as with kube-proxy", async () => {
  const { code, cleanups, configs } = await run(["--cleanup=false"]);
  assert.deepEqual({ code, cleanups }, { code: 0, cleanups: [] });
  assert.equal(configs.length, 1);
});

Deno.test("weir cleanup --help is the help, which lists the subcommand", async () => {
  const { code, out, cleanups } = await run(["cleanup", "--help"]);
  assert.deepEqual({ code, cleanups }, { code: 0, cleanups: [] });
  assert.match(out, /^ +cleanup +Remove what kube-proxy or weir left/m);
});

const FILE = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

Deno.test("weir --write-config-to writes the configuration and does nothing else", async () => {
  const { code, written, configs, cleanups } = await run(
    ["--write-config-to=/out", "--config=/in", "--cleanup", "-v=3"],
    { files: { "/in": `${FILE}mode: ipvs\n` } },
  );
  assert.deepEqual({ code, configs, cleanups }, { code: 0, configs: [], cleanups: [] });
  const [[path, text] = ["", ""]] = written;
  assert.equal(path, "/out");
  assert.match(text, /^mode: ipvs$/m);
  assert.match(text, /^ {2}verbosity: 3$/m);
});

Deno.test("a path that cannot be written to is told with the reason, and ends with 1", async () => {
  const { code, err } = await run(["--write-config-to=/"]);
  assert.equal(code, 1);
  assert.equal(
    err,
    'weir: Cannot use --write-config-to "/": it is a folder (WEIR_CONFIG_INVALID)\n',
  );
});

Deno.test("a configuration file that cannot be used ends with 1, as kube-proxy does", async () => {
  const files = { "/in": `${FILE}oomScoreAdj: 2000\nmodee: x\n` };
  const { code, err, configs } = await run(["--config=/in"], { files });
  assert.deepEqual({ code, configs }, { code: 1, configs: [] });
  assert.match(err, /^Ignored modee "x" of \/in, line 4, column 1: .*did you mean mode\?$/m);
  assert.match(err, /^weir: Cannot use oomScoreAdj "2000" of \/in, line 3, column 1: /m);
  assert.doesNotMatch(err, /--help/);
});
