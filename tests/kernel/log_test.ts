/**
 * What the flags for the log do to the whole of weir, in real files and streams.
 */
import assert from "node:assert/strict";
import { readSystemFile } from "../../host/capabilities/system_file.ts";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { sampleService } from "../../host/samples.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { WeirProcess } from "./weir_process.ts";

/** weir with a Service to program, and a folder for its log. */
class Scene implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly logs: string;
  readonly folder: ManifestFolder;
  readonly namespace: NetworkNamespace;

  private constructor(
    stack: AsyncDisposableStack,
    namespace: NetworkNamespace,
    folder: ManifestFolder,
    logs: string,
  ) {
    this.#stack = stack;
    this.namespace = namespace;
    this.folder = folder;
    this.logs = logs;
  }

  static async create(): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const namespace = stack.use(NetworkNamespace.create("node"));
    const folder = stack.use(await ManifestFolder.create());
    await folder.write("web.json", [sampleService()]);
    const logs = await Deno.makeTempDir({ prefix: "weir-logs-" });
    stack.defer(() => Deno.remove(logs, { recursive: true }));
    return new Scene(stack.move(), namespace, folder, logs);
  }

  start(
    flags: readonly string[],
    writable: readonly string[] = [this.logs],
    before: readonly string[] = [],
  ): WeirProcess {
    return this.#stack.use(
      new WeirProcess(this.namespace, {
        flags: [`--manifests=${this.folder.path}`, ...flags],
        before,
        writable,
      }),
    );
  }

  files(): string[] {
    return [...Deno.readDirSync(this.logs)].map((entry) => entry.name).sort();
  }

  read(name: string): string {
    return Deno.readTextFileSync(`${this.logs}/${name}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

Deno.test("--log-dir has klog's files, to the last line before the end", async () => {
  await using scene = await Scene.create();
  const weir = scene.start(["--logtostderr=false", `--log_dir=${scene.logs}`]);
  await weir.until("a sync", () => scene.read("weir.INFO").includes('"Synced"'));
  weir.kill("SIGTERM");
  const { code, log } = await weir.ended();
  assert.equal(code, 0);
  assert.equal(log, "", "nothing is as bad as an error");
  const [header = "", machine = "", binary = "", format = "", ...lines] = scene.read("weir.INFO")
    .trimEnd().split("\n");
  assert.match(header, /^Log file created at: \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d$/);
  assert.match(machine, /^Running on machine: \S+$/);
  assert.match(binary, /^Binary: Built with deno \S+ for linux\/(amd64|arm64)$/);
  assert.match(format, /^Log line format: \[IWEF\]/);
  for (const line of lines) {
    assert.match(line, /^([IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\.ts:\d+\] "|\t| >)/);
  }
  assert.match(lines.at(-1) ?? "", /"Stopped; the kernel keeps the rules"$/);
  const target = Deno.readLinkSync(`${scene.logs}/weir.INFO`);
  assert.match(target, new RegExp(`^weir\\.[^.]+\\.[^.]+\\.log\\.INFO\\.\\d{8}-\\d{6}\\.\\d+$`));
  assert.ok(scene.files().includes("weir.WARNING"), "the flags are deprecated, which is a warning");
  assert.ok(!scene.files().includes("weir.ERROR"));
});

Deno.test("--log-file has everything, and --alsologtostderr the standard error too", async () => {
  await using scene = await Scene.create();
  const weir = scene.start([
    "--logtostderr=false",
    "--alsologtostderr",
    `--log-file=${scene.logs}/weir.log`,
    "--skip-log-headers",
    "--skip-headers",
  ]);
  await weir.said(/^"Synced" kind="full"/m);
  weir.kill("SIGTERM");
  const { log } = await weir.ended();
  assert.equal(scene.read("weir.log"), log);
  assert.match(log, /^"/);
});

Deno.test("after a disk was full each line of a log file is whole or begins after what is not", async () => {
  await using scene = await Scene.create();
  const { logs } = scene;
  // Two pages, of which one is freed later.
  const small = `mount -t tmpfs -o size=8k none ${logs}; head -c 4096 /dev/zero > ${logs}/full; ` +
    'exec "$@"';
  const weir = scene.start(
    ["--logtostderr=false", `--log-file=${logs}/weir.log`, "-v=4"],
    [logs],
    ["unshare", "--mount", "sh", "-c", small, "sh"],
  );
  let version = 0;
  const change = async () => {
    const annotations = { version: String(++version) };
    await scene.folder.write("web.json", [
      sampleService({ annotations, clusterIP: `10.96.0.${version}` }),
    ]);
  };
  await weir.until("a full disk", async () => {
    await change();
    return /^weir: Cannot write log file: No space left/m.test(weir.log);
  });
  const inside = ["nsenter", "-t", String(weir.pid), "--mount", "rm", `${logs}/full`];
  const [program = "", ...args] = inside;
  assert.ok((await new Deno.Command(program, { args }).output()).success);
  const lines = () => readSystemFile(`/proc/${weir.pid}/root${logs}/weir.log`).split("\n");
  const torn = lines().at(-1);
  assert.ok(torn, "a page of lines does not end where a line does");
  await weir.until("a line after it", async () => {
    await change();
    return lines().at(-1) === "";
  });
  assert.ok(lines().includes(torn), "nothing is written behind half a line");
});

Deno.test("a log folder that cannot be used is refused at the start, by flag and remedy", async () => {
  await using scene = await Scene.create();
  const file = `${scene.logs}/weir.log`;
  for (
    const [flag, writable, says] of [
      [`--log-file=${file}`, [], `Deno may not write there: add ${scene.logs} to --allow-write`],
      ["--log-dir=/nowhere", ["/nowhere"], "there is no folder /nowhere: make it, or mount it"],
    ] as const
  ) {
    const weir = scene.start(["--logtostderr=false", flag], writable);
    const { code, log } = await weir.ended();
    assert.equal(code, 1);
    assert.match(
      log,
      /^weir: Cannot open log file ".*" of --log-(file|dir): .*\(WEIR_LOG_FILE\)$/m,
    );
    assert.ok(log.includes(says), log);
  }
});

Deno.test("JSON with split streams is one object a line, and what is held back comes in time", async () => {
  await using scene = await Scene.create();
  const weir = scene.start([
    "--logging-format=json",
    "--feature-gates=LoggingAlphaOptions=true",
    "--log-json-split-stream",
    "--log-json-info-buffer-size=64Ki",
    "--log-flush-frequency=500ms",
  ]);
  await weir.until("a sync", () => weir.output.includes('"msg":"Synced"'));
  weir.kill("SIGTERM");
  const { code, log } = await weir.ended();
  assert.equal(code, 0);
  assert.equal(log, "");
  const records = weir.output.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const record of records) {
    assert.deepEqual(Object.keys(record).slice(0, 4), ["ts", "caller", "msg", "v"]);
    assert.ok(Math.abs(record.ts - Date.now()) < 600_000);
    assert.match(record.caller, /^\w+\/\w+\.ts:\d+$/);
  }
  assert.equal(records.at(-1).msg, "Stopped; the kernel keeps the rules");
});

Deno.test("--vmodule raises one file, --log_backtrace_at shows how a place was reached", async () => {
  await using scene = await Scene.create();
  const first = scene.start(["-v=0", "--vmodule=sync=2", "--add_dir_header"]);
  const [, place = ""] = await first.said(/^I\S+ \S+ +\d+ host\/(sync\.ts:\d+)\] "Synced"/m);
  first.kill("SIGTERM");
  const { log } = await first.ended();
  assert.doesNotMatch(log, /"Loaded plugin"/, "other files keep to -v");
  const second = scene.start(["-v=2", `--log_backtrace_at=${place}`]);
  await second.said(new RegExp(`${place}\\] "Synced".*\\n\\tat .*sync\\.ts:`));
  assert.match(second.log, /"Loaded plugin"/);
});

Deno.test("--one-output and --stderrthreshold choose who gets a line", async () => {
  await using scene = await Scene.create();
  const weir = scene.start([
    "--logtostderr=false",
    `--log-dir=${scene.logs}`,
    "--one-output",
    "--stderrthreshold=WARNING",
  ]);
  await weir.until("a sync", () => scene.read("weir.INFO").includes('"Synced"'));
  assert.match(weir.log, /^W/);
  assert.doesNotMatch(weir.log, /^I/m);
  assert.equal(scene.read("weir.WARNING").split("\n").slice(4).join("\n"), weir.log);
  assert.doesNotMatch(scene.read("weir.INFO"), /^W/m);
});

Deno.test("the configuration file changes the log while weir runs", async () => {
  await using scene = await Scene.create();
  const path = `${scene.logs}/config.json`;
  const write = async (format: string) => {
    const draft = `${path}.draft`;
    const config = {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      mode: "nftables",
      logging: { format },
    };
    await Deno.writeTextFile(draft, JSON.stringify(config));
    await Deno.rename(draft, path);
  };
  await write("text");
  const weir = scene.start([`--config=${path}`]);
  await weir.said(/^I.*"Synced" kind="full"/m);
  await write("json");
  await weir.said(/^\{"ts":/m);
  weir.kill("SIGTERM");
  const { log } = await weir.ended();
  const lines = log.trimEnd().split("\n");
  const change = lines.findIndex((line) => line.startsWith("{"));
  for (const line of lines.slice(change)) JSON.parse(line);
  assert.match(lines.at(-1) ?? "", /"msg":"Stopped; the kernel keeps the rules"/);
});

Deno.test("a plugin's lines carry its name, and cannot pass for the host's", async () => {
  await using scene = await Scene.create();
  const plugin = `${scene.logs}/forger.ts`;
  await Deno.writeTextFile(
    plugin,
    `import { defineProxier } from "weir";
export default defineProxier({
  name: "forger",
  version: "0.1.0",
  api: 1,
  requires: {},
  async resync(_, { log }) {
    log.error("Forged\\nE1123 02:04:08.005678   12345 main.ts:1] \\"Stopping\\"", {
      plugin: "host",
      text: "one\\r\\nI1123 02:04:08.005678   12345 main.ts:1] \\"Stopping\\"",
    });
  },
  async apply() {},
  async explain() {
    return [];
  },
  async cleanup() {},
});
`,
  );
  const weir = scene.start([`--proxy-mode=${plugin}`]);
  await weir.said(/"Forged/);
  await weir.until("the end of the line", () => /\n >/.test(weir.log));
  assert.doesNotMatch(weir.log, /^\S+ \S+ +\d+ main\.ts:1\]/m);
  assert.doesNotMatch(weir.log, /\r/);
  const [line] = await weir.said(/^E.*"Forged[^]*?^ >.*$/m);
  assert.match(line, / plugin="forger"/);
  assert.doesNotMatch(line, /plugin="host"/);
});
