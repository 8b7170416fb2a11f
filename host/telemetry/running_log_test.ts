import assert from "node:assert/strict";
import { DEFAULT_LOG_SETTINGS, type LogFileSettings, type LogSettings } from "./klog/settings.ts";
import type { LogMachine, OpenFile } from "./log_machine.ts";
import { openLog } from "./running_log.ts";

/** Local time, as names of files have it. */
const AT = new Date(2026, 10, 23, 2, 4, 8, 5).getTime();

function settingsOf(
  files: Partial<LogFileSettings>,
  others: Partial<LogSettings> = {},
): LogSettings {
  const { files: standard } = DEFAULT_LOG_SETTINGS;
  return { ...DEFAULT_LOG_SETTINGS, ...others, files: { ...standard, ...files } };
}

/** A machine with real files, a clock that stands still, and streams that are remembered. */
class Scene implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  time = AT;
  stdout = "";
  stderr = "";
  syncs = 0;
  /** Thrown instead of writing. */
  fault: Error | undefined;
  readonly open: string[] = [];
  readonly scheduled: { readonly milliseconds: number; readonly task: () => void }[] = [];
  readonly machine: LogMachine = {
    program: "weir",
    pid: 4711,
    host: "node-1.example.org",
    user: () => "root",
    built: "deno 2.9.6 for linux/amd64",
    stdout: (text) => void (this.stdout += text),
    stderr: (text) => void (this.stderr += text),
    openFile: (path, mode) => this.#open(path, mode),
    link: (target, path) => {
      try {
        Deno.removeSync(path);
      } catch { /* It is the first. */ }
      Deno.symlinkSync(target, path);
    },
    now: () => this.time,
    schedule: (milliseconds, task) => {
      const entry = { milliseconds, task };
      this.scheduled.push(entry);
      return () => void this.scheduled.splice(this.scheduled.indexOf(entry), 1);
    },
  };

  #open(path: string, mode: "append" | "truncate"): OpenFile {
    const file = Deno.openSync(path, {
      write: true,
      create: true,
      ...(mode === "append" ? { append: true } : { truncate: true }),
    });
    this.open.push(path);
    return {
      size: () => file.statSync().size,
      write: (bytes) => {
        if (this.fault !== undefined) throw this.fault;
        file.writeSync(bytes);
      },
      sync: async () => void this.syncs++,
      close: () => {
        this.open.splice(this.open.indexOf(path), 1);
        file.close();
      },
    };
  }

  files(): string[] {
    return [...Deno.readDirSync(this.folder)].map((entry) => entry.name).sort();
  }

  read(name: string): string {
    return Deno.readTextFileSync(`${this.folder}/${name}`);
  }

  /** The messages of a file's lines. */
  messages(name: string): string[] {
    return [...this.read(name).matchAll(/\] "(\w+)"/g)].map(([, message = ""]) => message);
  }

  pass(): void {
    for (const { task } of this.scheduled.splice(0)) task();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

const NAMES = ["INFO", "WARNING", "ERROR"].map((severity) =>
  `weir.node-1.root.log.${severity}.20261123-020408.4711`
);

Deno.test("--log-dir has a file for each severity, by klog's names, with those above in it", () => {
  using scene = new Scene();
  const { log, close } = openLog(
    settingsOf({ toStderr: false, directory: `${scene.folder}/` }),
    scene.machine,
  );
  log.info("one");
  assert.deepEqual(scene.files(), ["weir.INFO", NAMES[0]].sort(), "warnings have none yet");
  log.error("three");
  log.warn("two");
  assert.deepEqual(
    scene.files(),
    ["weir.ERROR", "weir.INFO", "weir.WARNING", ...NAMES].sort(),
  );
  assert.deepEqual(scene.messages("weir.INFO"), ["one", "three", "two"]);
  assert.deepEqual(scene.messages("weir.WARNING"), ["three", "two"]);
  assert.deepEqual(scene.messages("weir.ERROR"), ["three"]);
  assert.equal(Deno.readLinkSync(`${scene.folder}/weir.INFO`), NAMES[0]);
  assert.match(scene.stderr, /^E1123 .*"three"\n$/, "--stderrthreshold is ERROR");
  close();
  assert.deepEqual(scene.open, []);
});

Deno.test("a file begins with klog's header, unless --skip-log-headers", () => {
  using scene = new Scene();
  const settings = settingsOf({ toStderr: false, directory: scene.folder });
  const running = openLog(settings, scene.machine);
  assert.equal(
    scene.read("weir.INFO"),
    "Log file created at: 2026/11/23 02:04:08\n" +
      "Running on machine: node-1.example.org\n" +
      "Binary: Built with deno 2.9.6 for linux/amd64\n" +
      "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n",
  );
  scene.time += 1_000;
  running.prepare({ ...settings, files: { ...settings.files, skipLogHeaders: true } }).commit();
  assert.equal(scene.read("weir.INFO"), "");
  running.close();
});

Deno.test("--one-output keeps a line to the file of its severity", () => {
  using scene = new Scene();
  const { log, close } = openLog(
    settingsOf({ toStderr: false, directory: scene.folder, oneOutput: true }),
    scene.machine,
  );
  log.info("one");
  log.error("three");
  assert.deepEqual(scene.messages("weir.INFO"), ["one"]);
  assert.deepEqual(scene.messages("weir.ERROR"), ["three"]);
  assert.ok(!scene.files().includes("weir.WARNING"));
  close();
});

const shown: readonly (readonly [Partial<LogFileSettings>, readonly string[]])[] = [
  [{}, ["three"]],
  [{ stderrThreshold: 0 }, ["one", "two", "three"]],
  [{ stderrThreshold: 1 }, ["two", "three"]],
  [{ stderrThreshold: 3 }, []],
  [{ alsoToStderr: true, stderrThreshold: 3 }, ["one", "two", "three"]],
  [{ toStderr: true, stderrThreshold: 3 }, ["one", "two", "three"]],
];

for (const [files, messages] of shown) {
  Deno.test(`with ${JSON.stringify(files)} the standard error has ${messages.length} of 3`, () => {
    using scene = new Scene();
    const file = `${scene.folder}/all.log`;
    const { log, close } = openLog(settingsOf({ toStderr: false, file, ...files }), scene.machine);
    log.info("one");
    log.warn("two");
    log.error("three");
    const read = [...scene.stderr.matchAll(/\] "(\w+)"/g)].map(([, message]) => message);
    assert.deepEqual(read, messages);
    if (files.toStderr === true) assert.deepEqual(scene.files(), []);
    else assert.deepEqual(scene.messages("all.log"), ["one", "two", "three"]);
    close();
  });
}

Deno.test("--log-file comes before --log-dir, and goes on behind what it holds", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  Deno.writeTextFileSync(file, "before\n");
  const { log, close } = openLog(
    settingsOf({ toStderr: false, file, directory: "/nowhere" }),
    scene.machine,
  );
  log.info("one");
  assert.match(scene.read("all.log"), /^before\nLog file created at: .*\n(.*\n){3}I.*"one"\n$/);
  close();
});

Deno.test("--log-file is emptied when it would exceed --log-file-max-size, as klog does", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  Deno.writeTextFileSync(file, "x".repeat(1024 * 1024 - 600));
  const { log, close } = openLog(
    settingsOf({ toStderr: false, file, fileMaxMegabytes: 1 }),
    scene.machine,
  );
  log.info("fits");
  assert.deepEqual(scene.messages("all.log"), ["fits"]);
  log.info("more", { long: "y".repeat(500) });
  assert.deepEqual(scene.messages("all.log"), ["more"]);
  assert.match(scene.read("all.log"), /^Log file created at: /);
  assert.deepEqual(scene.open, [file]);
  close();
});

Deno.test("--log-file-max-size=0 lets the file grow", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  Deno.writeTextFileSync(file, "x".repeat(3 * 1024 * 1024));
  const { log, close } = openLog(
    settingsOf({ toStderr: false, file, fileMaxMegabytes: 0 }),
    scene.machine,
  );
  log.info("more");
  assert.ok(Deno.statSync(file).size > 3 * 1024 * 1024);
  close();
});

const refused: readonly (readonly [string, Partial<LogFileSettings>, RegExp])[] = [
  [
    "a folder that is not there",
    { directory: "/nowhere/logs" },
    /^Cannot open log file "\/nowhere\/logs\/weir\.node-1.*" of --log-dir: there is no folder \/nowhere\/logs: make it, or mount it$/,
  ],
  [
    "a file that is a folder",
    { file: "/tmp" },
    /^Cannot open log file "\/tmp" of --log-file: Is a directory.*: let weir's user write to \/$/,
  ],
];

for (const [what, files, message] of refused) {
  Deno.test(`${what} is refused at the start, by flag and remedy`, () => {
    using scene = new Scene();
    assert.throws(
      () => openLog(settingsOf({ toStderr: false, ...files }), scene.machine),
      { code: "WEIR_LOG_FILE", message },
    );
  });
}

const forbidden: readonly (readonly [file: string, folder: string])[] = [
  ["/var/log/weir.log", "/var/log"],
  ["/weir.log", "/"],
  ["weir.log", "."],
];

for (const [file, folder] of forbidden) {
  Deno.test(`${file}, which Deno may not write, is refused with the permission to add`, () => {
    using scene = new Scene();
    const machine: LogMachine = {
      ...scene.machine,
      openFile: () => {
        throw new Deno.errors.NotCapable("Requires write access");
      },
    };
    assert.throws(
      () => openLog(settingsOf({ toStderr: false, file }), machine),
      {
        message: `Cannot open log file "${file}" of --log-file: Deno may not write there: ` +
          `add ${folder} to --allow-write of deno run`,
      },
    );
  });
}

Deno.test("a disk that is full does not end weir: lines show on the standard error meanwhile", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  const { log, close } = openLog(settingsOf({ toStderr: false, file }), scene.machine);
  scene.fault = new Error("No space left on device (os error 28)");
  log.info("one");
  log.error("two");
  scene.fault = undefined;
  log.info("three");
  const lines = scene.stderr.trimEnd().split("\n");
  assert.equal(
    lines[0],
    "weir: Cannot write log file: No space left on device (os error 28); lines show here meanwhile",
  );
  assert.deepEqual(lines.slice(1).map((line) => /\] "(\w+)"/.exec(line)?.[1]), ["one", "two"]);
  assert.deepEqual(scene.messages("all.log"), ["three"]);
  close();
});

Deno.test("JSON goes to files too, without the header that is none", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  const { log, close } = openLog(
    settingsOf({ toStderr: false, file }, { format: "json" }),
    scene.machine,
  );
  log.with({ plugin: "a" }).info("one");
  assert.deepEqual(Object.keys(JSON.parse(scene.read("all.log"))), [
    "ts",
    "caller",
    "msg",
    "v",
    "plugin",
  ]);
  close();
});

Deno.test("what is gathered is written, and files are on disk, after --log-flush-frequency", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  const split = { splitStream: true, infoBufferSize: 4096 };
  const settings = settingsOf({ toStderr: false, file, alsoToStderr: true }, {
    flushFrequency: 700,
    options: { text: split, json: split },
  });
  const { log, close, flush } = openLog(settings, scene.machine);
  log.info("one");
  log.info("two");
  assert.deepEqual(scene.messages("all.log"), ["one", "two"], "files wait for nothing");
  assert.equal(scene.stdout, "");
  assert.deepEqual(scene.scheduled.map(({ milliseconds }) => milliseconds), [700]);
  scene.pass();
  assert.match(scene.stdout, /"one"\n.*"two"\n$/);
  assert.equal(scene.syncs, 1);
  log.info("three");
  flush();
  assert.match(scene.stdout, /"three"\n$/);
  log.info("four");
  close();
  assert.match(scene.stdout, /"four"\n$/, "the end flushes too");
  assert.deepEqual(scene.scheduled, []);
  log.info("five");
  assert.match(scene.stderr, /"five"\n$/, "after the end nothing is lost");
});

Deno.test("settings change while weir runs, and files that stay are not opened again", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  const settings = settingsOf({ toStderr: false, file, skipLogHeaders: true });
  const running = openLog(settings, scene.machine);
  const log = running.log.with({ a: 1 });
  log.v(3, "hidden");
  running.prepare({ ...running.settings, verbosity: 3 }).commit();
  log.v(3, "shown");
  running.prepare({
    ...settings,
    vmodule: [{ filePattern: "running_log_*", verbosity: 4 }],
  }).commit();
  log.v(4, "module");
  assert.equal(running.settings.verbosity, 0);
  assert.deepEqual(scene.messages("all.log"), ["hidden", "shown", "module"].slice(1));
  const other = `${scene.folder}/other.log`;
  running.prepare(settingsOf({ toStderr: false, file: other }, { format: "json" })).commit();
  log.info("elsewhere");
  assert.match(scene.read("other.log"), /^\{.*"msg":"elsewhere","v":0,"a":1\}\n$/);
  assert.deepEqual(scene.open, [other]);
  running.close();
});

Deno.test("settings that cannot be put in force leave those before them", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  const settings = settingsOf({ toStderr: false, file });
  const running = openLog(settings, scene.machine);
  assert.throws(
    () =>
      running.prepare(settingsOf({ toStderr: false, directory: "/nowhere" }, { format: "json" }))
        .commit(),
    { code: "WEIR_LOG_FILE" },
  );
  running.log.info("still");
  assert.deepEqual(scene.messages("all.log"), ["still"]);
  assert.equal(running.settings, settings);
  running.close();
});

Deno.test("settings that are dropped after all leave nothing open", () => {
  using scene = new Scene();
  const file = `${scene.folder}/all.log`;
  const running = openLog(settingsOf({ toStderr: false, file }), scene.machine);
  const other = running.prepare(settingsOf({ toStderr: false, file: `${file}.other` }));
  assert.equal(scene.open.length, 2);
  other.abort();
  running.log.info("still");
  assert.deepEqual(scene.messages("all.log"), ["still"]);
  assert.deepEqual(scene.open, [file]);
  running.close();
});
