import assert from "node:assert/strict";
import type { Log } from "../../../schemas/capability.ts";
import type { SourceEvent } from "../../../schemas/kube.ts";
import { manifestsSource } from "./source.ts";

/** A Service in YAML; `port` is what a test changes. */
function service(name: string, port: number | string = 80): string {
  return `---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {clusterIP: 10.96.0.1, ports: [{port: ${port}}]}
`;
}

function describe(event: SourceEvent): string {
  switch (event.type) {
    case "synced":
      return `synced ${event.kind}`;
    case "remove":
      return `-${event.name}`;
    case "upsert": {
      const { object } = event;
      return object.kind === "Service" ? `${object.name}:${object.ports[0]?.port}` : object.name;
    }
  }
}

/** A source running on a real folder. */
class Harness implements AsyncDisposable {
  readonly root: string;
  readonly directory: string;
  readonly batches: string[] = [];
  readonly logged: string[] = [];
  readonly #controller = new AbortController();
  readonly #run: Promise<void>;
  #changed = () => {};

  private constructor(root: string, options: { settleTime?: number; pollInterval?: number }) {
    this.root = root;
    this.directory = `${root}/manifests`;
    const note =
      (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
        const more = fields === undefined ? "" : ` ${JSON.stringify(fields)}`;
        // No test may depend on where its folder lies.
        this.logged.push(`${level} ${message}${more}`.replaceAll(root, ""));
        this.#changed();
      };
    const log: Log = {
      debug: note("debug"),
      info: note("info"),
      warn: note("warn"),
      error: note("error"),
    };
    // Unless a test is about the poll, it is so slow that only the watch can have seen a change.
    const timing = { settleTime: 40, pollInterval: 600_000, ...options };
    const source = manifestsSource({ directory: this.directory, log, ...timing });
    this.#run = source.run((events) => {
      this.batches.push(events.map(describe).join(" "));
      this.#changed();
    }, this.#controller.signal);
  }

  /** Starts a source on a folder of these files, or on a missing folder. */
  static async start(
    files: Readonly<Record<string, string>> | "no folder",
    options: { settleTime?: number; pollInterval?: number } = {},
  ): Promise<Harness> {
    const root = await Deno.makeTempDir({ prefix: "weir-manifests-" });
    if (files !== "no folder") {
      await Deno.mkdir(`${root}/manifests`);
      for (const [name, text] of Object.entries(files)) {
        await Deno.writeTextFile(`${root}/manifests/${name}`, text);
      }
    }
    const harness = new Harness(root, options);
    if (files !== "no folder") await harness.until(() => harness.batches.length === 1);
    return harness;
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.directory}/${name}`, text);
  }

  /** Waits for something that the source is to do. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!condition()) {
      const left = deadline - Date.now();
      const state = JSON.stringify({ batches: this.batches, logged: this.logged });
      assert.ok(left > 0, `it has not happened within 10 s: ${state}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The batches after the first, once there are as many as expected. */
  async later(count: number): Promise<string[]> {
    await this.until(() => this.batches.length > count);
    return this.batches.slice(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#run;
    await Deno.remove(this.root, { recursive: true });
  }
}

const SYNCED = "synced Service synced EndpointSlice synced Node synced ServiceCIDR";

Deno.test("The first load is one batch, which ends with every kind synced", async () => {
  await using harness = await Harness.start({
    "b.yaml": service("b"),
    "a.yml": service("a") + service("c"),
    "d.json": JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name: "worker" } }),
  });
  assert.deepEqual(harness.batches, [`worker a:80 b:80 c:80 ${SYNCED}`]);
  assert.deepEqual(harness.logged, []);
});

Deno.test("An empty folder is synced, and hidden files, others and subfolders are passed over", async () => {
  await using harness = await Harness.start({
    ".hidden.yaml": service("a"),
    "notes.txt": service("b"),
    "web.yaml~": service("c"),
    ".web.yaml.swp": "\0",
  });
  await Deno.mkdir(`${harness.directory}/sub.yaml`);
  await Deno.writeTextFile(`${harness.directory}/sub.yaml/x.yaml`, service("d"));
  await harness.write("real.yaml", service("e"));
  assert.deepEqual(await harness.later(1), ["e:80"]);
  assert.equal(harness.batches[0], SYNCED);
});

Deno.test("Only what has changed is delivered, by object and not by file", async () => {
  await using harness = await Harness.start({ "web.yaml": service("a") + service("b") });
  await harness.write("web.yaml", service("a") + service("b", 81));
  await harness.later(1);
  await harness.write("web.yaml", `# a comment\n${service("b", 81)}`);
  await harness.later(2);
  await harness.write("new.yaml", service("c"));
  await harness.later(3);
  await Deno.remove(`${harness.directory}/web.yaml`);
  assert.deepEqual(await harness.later(4), ["b:81", "-a", "c:80", "-b"]);
});

Deno.test("A file that does not parse is told of once with its line, stays as it was, and recovers", async () => {
  await using harness = await Harness.start({ "web.yaml": service("a") });
  await harness.write("web.yaml", `${service("a")}spec: {`);
  await harness.until(() => harness.logged.length === 1);
  await harness.write("other.yaml", service("c"));
  await harness.later(1);
  await harness.write("web.yaml", service("a", 81));
  assert.deepEqual(await harness.later(2), ["c:80", "a:81"]);
  assert.match(
    harness.logged[0] ?? "",
    /^error Cannot load manifest "web\.yaml:\d": it does not parse: .*"inForce":"last good version"\}$/,
  );
  assert.deepEqual(harness.logged.slice(1), ['info Manifest is good again {"file":"web.yaml"}']);
});

Deno.test("An object with a fault is told of once with line and field, stays as it was, and recovers", async () => {
  await using harness = await Harness.start({ "web.yaml": service("a") });
  await harness.write("web.yaml", service("a", "abc") + service("b"));
  await harness.later(1);
  await harness.write("other.yaml", service("c"));
  await harness.later(2);
  await harness.write("web.yaml", service("a", 81) + service("b"));
  assert.deepEqual(await harness.later(3), ["b:80", "c:80", "a:81"]);
  assert.deepEqual(harness.logged, [
    'error Cannot load manifest "web.yaml:5": spec.ports[0].port is "abc", ' +
    'expected an integer from 1 to 65535 {"code":"WEIR_MANIFEST_FILE",' +
    '"inForce":"the other objects, and the last good version of what is refused"}',
    'info Manifest is good again {"file":"web.yaml"}',
  ]);
});

Deno.test("A file that is bad from the start has nothing in force, and the rest is loaded", async () => {
  await using harness = await Harness.start({ "a.yaml": "a: [", "b.yaml": service("b") });
  assert.deepEqual(harness.batches, [`b:80 ${SYNCED}`]);
  assert.equal(harness.logged.length, 1);
  assert.match(
    harness.logged[0] ?? "",
    /^error Cannot load manifest "a\.yaml:1": it does not parse: .*"inForce":"none"\}$/,
  );
});

Deno.test("An object in two files is told of with both names", async () => {
  await using harness = await Harness.start({ "a.yaml": service("x"), "b.yaml": service("x", 81) });
  assert.deepEqual(harness.batches, [`x:80 ${SYNCED}`]);
  assert.match(
    harness.logged[0] ?? "",
    /Cannot load manifest "b\.yaml:2": Service default\/x is defined in "a\.yaml:2" already/,
  );
  await Deno.remove(`${harness.directory}/a.yaml`);
  assert.deepEqual(await harness.later(1), ["x:81"]);
});

Deno.test("Other kinds are told of in one line for each file", async () => {
  const deployment = "---\napiVersion: apps/v1\nkind: Deployment\n";
  await using harness = await Harness.start({
    "web.yaml": deployment + deployment + service("a"),
  });
  assert.deepEqual(harness.batches, [`a:80 ${SYNCED}`]);
  assert.deepEqual(harness.logged, [
    'info Manifest has kinds that are ignored {"file":"web.yaml","kinds":["apps/v1 Deployment"]}',
  ]);
});

Deno.test("An editor that moves the file away and writes a new one never makes an object disappear", async () => {
  // vim with 'backup': a probe, the old file renamed, a new one written, the old one deleted.
  await using harness = await Harness.start(
    { "web.yaml": service("a") + service("b") },
    { settleTime: 200 },
  );
  const path = (name: string) => `${harness.directory}/${name}`;
  await harness.write("4913", "");
  await Deno.remove(path("4913"));
  await Deno.rename(path("web.yaml"), path("web.yaml~"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await harness.write("web.yaml", service("a") + service("b", 81));
  await Deno.remove(path("web.yaml~"));
  assert.deepEqual(await harness.later(1), ["b:81"]);
});

Deno.test("A file that is renamed over another counts at once", async () => {
  await using harness = await Harness.start({ "web.yaml": service("a") });
  await harness.write(".web.yaml.new", service("a", 81));
  await Deno.rename(`${harness.directory}/.web.yaml.new`, `${harness.directory}/web.yaml`);
  assert.deepEqual(await harness.later(1), ["a:81"]);
});

Deno.test("A file that is still being written is not read by half", async () => {
  await using harness = await Harness.start({ "web.yaml": service("a") }, { settleTime: 300 });
  const file = await Deno.open(`${harness.directory}/web.yaml`, { write: true, truncate: true });
  const write = (text: string) => file.write(new TextEncoder().encode(text));
  await write(service("b"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  await write(service("a"));
  file.close();
  assert.deepEqual(await harness.later(1), ["b:80"]);
});

Deno.test("A ConfigMap volume is swapped as a whole", async () => {
  await using harness = await Harness.start("no folder", { pollInterval: 20 });
  const { directory } = harness;
  // As kubelet's atomic writer lays it out: links to ..data, which links to the version.
  const version = async (name: string, port: number) => {
    await Deno.mkdir(`${directory}/${name}`, { recursive: true });
    await Deno.writeTextFile(`${directory}/${name}/a.yaml`, service("a", port));
    await Deno.writeTextFile(`${directory}/${name}/b.yaml`, service("b", port));
    await Deno.symlink(name, `${directory}/..data_tmp`);
    await Deno.rename(`${directory}/..data_tmp`, `${directory}/..data`);
  };
  await Deno.mkdir(`${harness.root}/staging`);
  await Deno.symlink("..data/a.yaml", `${harness.root}/staging/a.yaml`);
  await Deno.symlink("..data/b.yaml", `${harness.root}/staging/b.yaml`);
  await Deno.mkdir(`${harness.root}/staging/..first`);
  await Deno.symlink("..first", `${harness.root}/staging/..data`);
  for (const name of ["a", "b"]) {
    await Deno.writeTextFile(`${harness.root}/staging/..first/${name}.yaml`, service(name, 1));
  }
  await Deno.rename(`${harness.root}/staging`, directory);
  await harness.until(() => harness.batches.length === 1);
  assert.deepEqual(harness.batches, [`a:1 b:1 ${SYNCED}`]);
  await version("..second", 2);
  await Deno.remove(`${directory}/..first`, { recursive: true });
  assert.deepEqual(await harness.later(1), ["a:2 b:2"]);
  assert.ok(harness.logged.every((line) => !line.includes("Cannot load")), "a link dangled");
});

Deno.test("A swap of a ConfigMap volume is seen by the watch, without waiting for the poll", async () => {
  await using harness = await Harness.start({});
  const { directory } = harness;
  for (const port of [1, 2]) {
    await Deno.mkdir(`${directory}/..v${port}`);
    await Deno.writeTextFile(`${directory}/..v${port}/a.yaml`, service("a", port));
  }
  await Deno.symlink("..v1", `${directory}/..data`);
  await Deno.symlink("..data/a.yaml", `${directory}/a.yaml`);
  await harness.later(1);
  await Deno.symlink("..v2", `${directory}/..data_tmp`);
  await Deno.rename(`${directory}/..data_tmp`, `${directory}/..data`);
  assert.deepEqual(await harness.later(2), ["a:1", "a:2"]);
});

Deno.test("While the folder is away everything stays in force; when it is back, the difference counts", async () => {
  await using harness = await Harness.start(
    { "web.yaml": service("a") + service("b") },
    { pollInterval: 20, settleTime: 200 },
  );
  await Deno.remove(harness.directory, { recursive: true });
  await harness.until(() => harness.logged.length === 1);
  await Deno.mkdir(`${harness.root}/next`);
  await Deno.writeTextFile(`${harness.root}/next/web.yaml`, service("b", 81));
  await Deno.rename(`${harness.root}/next`, harness.directory);
  assert.deepEqual(await harness.later(1), ["-a b:81"]);
  assert.match(
    harness.logged[0] ?? "",
    /^error Cannot read manifests folder "\/manifests": .*; what was loaded stays in force$/,
  );
  assert.equal(
    harness.logged[1],
    'info Manifests folder can be read again {"directory":"/manifests"}',
  );
});

Deno.test("A folder that replaces the former under its name is watched from then on", async () => {
  await using harness = await Harness.start({ "web.yaml": service("a") });
  const next = `${harness.root}/next`;
  await Deno.mkdir(next);
  await Deno.writeTextFile(`${next}/web.yaml`, service("a", 81));
  await Deno.rename(harness.directory, `${harness.root}/former`);
  await Deno.rename(next, harness.directory);
  await harness.later(1);
  await harness.write("web.yaml", service("a", 82));
  assert.deepEqual(await harness.later(2), ["a:81", "a:82"]);
});

Deno.test("Nothing is synced before the folder exists", async () => {
  await using harness = await Harness.start("no folder", { pollInterval: 20 });
  await harness.until(() => harness.logged.length === 1);
  assert.deepEqual(harness.batches, []);
  await Deno.mkdir(harness.directory);
  await harness.until(() => harness.batches.length === 1);
  assert.deepEqual(harness.batches, [SYNCED]);
});

Deno.test("What the watch cannot see, as a change behind a link, the poll does", async () => {
  await using harness = await Harness.start({}, { pollInterval: 50 });
  const outside = `${harness.root}/outside.yaml`;
  await Deno.writeTextFile(outside, service("a"));
  await Deno.symlink(outside, `${harness.directory}/web.yaml`);
  await harness.later(1);
  await Deno.writeTextFile(outside, service("a", 81));
  assert.deepEqual(await harness.later(2), ["a:80", "a:81"]);
});

Deno.test("A file that cannot be read keeps its last good version", async () => {
  await using harness = await Harness.start({ "web.yaml": service("a") }, { settleTime: 200 });
  await Deno.remove(`${harness.directory}/web.yaml`);
  await Deno.symlink("nowhere", `${harness.directory}/web.yaml`);
  await harness.until(() => harness.logged.length === 1 || harness.batches.length > 1);
  if (harness.batches.length > 1) assert.fail("the object was removed");
  assert.match(
    harness.logged[0] ?? "",
    /^error Cannot load manifest "web\.yaml": it cannot be read/,
  );
});

Deno.test("An aborted source ends, whatever it was doing", async () => {
  const harness = await Harness.start({ "web.yaml": service("a") });
  await harness.write("web.yaml", service("a", 81));
  await harness[Symbol.asyncDispose]();
  const count = harness.batches.length;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(harness.batches.length, count);
});
