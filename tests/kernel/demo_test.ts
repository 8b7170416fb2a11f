/**
 * `weir demo` as a whole: the real command, the real weir, real packets.
 */
import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url).pathname;
const DENO = Deno.execPath();
const PROGRAMS = `--allow-run=unshare,setpriv,prlimit,${DENO}`;
const PERMISSIONS = [
  "--no-prompt",
  "--ignore-env",
  "--allow-net",
  "--allow-read",
  `--allow-write=${ROOT}.weir,/tmp`,
  "--allow-sys=hostname,osRelease",
  "--allow-ffi",
  PROGRAMS,
];
const DEMO = [DENO, "run", ...PERMISSIONS, `${ROOT}mod.ts`, "demo"];
const IMPOSTOR = [DENO, "run", ...PERMISSIONS, `${ROOT}tests/kernel/demo_impostor.ts`];

/** Takes every capability away for good, as from a user who has none (capabilities(7)). */
const POWERLESS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+setfcap"];

function start(command: readonly string[]): Deno.ChildProcess {
  const [program = "", ...args] = command;
  return new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function run(command: readonly string[]) {
  const { code, stdout, stderr } = await start(command).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr), all: text(stdout) + text(stderr) };
}

/** The command lines of the demo's processes that still run. */
async function leftovers(): Promise<string> {
  // Deno shows /proc to nobody who may not do everything.
  const code = `for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const line = Deno.readTextFileSync("/proc/" + name + "/cmdline").replaceAll("\\0", " ");
      if (/(stage|agent|backend)_child\\.ts|--manifests=.*weir-demo-/.test(line)) console.log(line);
    } catch { /* it has ended, or is no process */ }
  }`;
  return (await run([DENO, "eval", code])).out;
}

for (
  const [sentence, before, says] of [
    ["with privileges needs no user namespace", [], /in network namespaces of its own/],
    [
      "without any privilege makes itself a user namespace",
      POWERLESS,
      /in user and network namespaces of its own/,
    ],
  ] as const
) {
  Deno.test(`weir demo ${sentence}, and every answer is right`, async () => {
    const { code, out, all } = await run([...before, ...DEMO, "--once"]);
    assert.equal(code, 0, all);
    assert.match(out, says);
    for (const target of ["10.96.0.10:80", "[fd00:10:96::a]:80"]) {
      for (const protocol of ["TCP", "UDP"]) {
        assert.equal(out.split(`${protocol} ${target}`).length - 1, 2, "from the pod and the node");
      }
    }
    assert.match(out, /4 → 2/);
    assert.match(out, / connections, none failed /);
    assert.match(out, /✓ Every answer was right/);
    assert.ok(!out.includes("\x1b"), "a pipe gets no colours");
    assert.equal(await leftovers(), "");
  });
}

Deno.test("where user namespaces are forbidden weir demo says what to do", async () => {
  const forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"';
  const { code, err, all } = await run([
    ...["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh"],
    ...POWERLESS,
    ...DEMO,
    "--once",
  ]);
  assert.equal(code, 1, all);
  assert.match(
    err,
    /Cannot make namespaces .*sysctl -w user\.max_user_namespaces=\d+.*WEIR_NAMESPACE/,
  );
});

Deno.test("a proxy that steers nothing does not pass for weir", async () => {
  const { code, out, all } = await run([...IMPOSTOR, "idle"]);
  assert.equal(code, 1, all);
  assert.match(out, /✗ from the pod to TCP 10\.96\.0\.10:80: /);
  assert.match(out, /✗ from the node to UDP \[fd00:10:96::a\]:80: /);
  assert.match(out, /things went wrong/);
  assert.equal(await leftovers(), "");
});

Deno.test("a weir that ends is told with its last words", async () => {
  const { code, out, all } = await run([...IMPOSTOR, "dead"]);
  assert.equal(code, 1, all);
  assert.match(out, /✗ Cannot go on without weir: it ended with code 7\n.*I have no nftables/);
  assert.equal(await leftovers(), "");
});

/** Reads a demo's output until it has said something. */
async function readUntil(
  reader: ReadableStreamDefaultReader<string>,
  says: RegExp,
): Promise<string> {
  for (let out = "";;) {
    const { done, value } = await reader.read();
    if (done) throw new assert.AssertionError({ message: `it never says ${says}:\n${out}` });
    out += value;
    if (says.test(out)) return out;
  }
}

/** Ends a demo by a signal and sees that nothing of it is left. */
async function endBy(
  signal: Deno.Signal,
  demo: Deno.ChildProcess,
  reader: ReadableStreamDefaultReader<string>,
): Promise<number> {
  demo.kill(signal);
  while (!(await reader.read()).done);
  await demo.stderr.cancel();
  const { code } = await demo.status;
  let rest = await leftovers();
  for (let tries = 0; tries < 20 && rest !== ""; tries++) rest = await leftovers();
  assert.equal(rest, "");
  return code;
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGKILL", 137]] as const) {
  Deno.test(`${signal} in the middle of the demo leaves no process behind`, async () => {
    const before = new Set(folders());
    const demo = start([...DEMO, "--once"]);
    const reader = demo.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await readUntil(reader, /Balance/);
    assert.equal(await endBy(signal, demo, reader), code);
    const left = folders().filter((name) => !before.has(name));
    // Only who cannot see its end coming leaves its folder.
    assert.equal(left.length, signal === "SIGKILL" ? 1 : 0);
    for (const name of left) await Deno.remove(`/tmp/${name}`, { recursive: true });
  });
}

function folders(): string[] {
  return [...Deno.readDirSync("/tmp")].map(({ name }) => name)
    .filter((name) => name.startsWith("weir-demo-"));
}

Deno.test("weir's pages can be read from outside until Ctrl-C, on free ports if need be", async () => {
  // Two at once: the second finds kube-proxy's ports taken.
  const demos = [start(DEMO), start(DEMO)];
  const told = demos.map((demo) => {
    const reader = demo.stdout.pipeThrough(new TextDecoderStream()).getReader();
    return { demo, reader, text: readUntil(reader, /metrics +http\S+\n/) };
  });
  const urls = new Set<string>();
  for (const { text } of told) {
    for (const [url] of (await text).matchAll(/http:\S+/g)) urls.add(url);
  }
  assert.equal(urls.size, 4, "two demos, two pages each");
  for (const url of urls) {
    const code = `const answer = await fetch("${url}");
      console.log(answer.status, await answer.text());`;
    const { out } = await run([DENO, "eval", code]);
    assert.match(out, url.endsWith("/healthz") ? /^200 .*"healthy":true/ : /^200 [^]*# TYPE /);
  }
  for (const { demo, reader } of told) {
    demo.kill("SIGINT");
    while (!(await reader.read()).done);
    await demo.stderr.cancel();
    assert.equal((await demo.status).code, 0);
  }
  assert.equal(await leftovers(), "");
});
