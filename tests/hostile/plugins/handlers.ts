/**
 * A proxier whose handlers attack; the host says which attack as the node's kernel release. Its
 * manifest and its wire are sound.
 *
 * @module
 */
import {
  type ConntrackClient,
  defineProxier,
  type Log,
  type NftClient,
  type SysctlClient,
  type SysctlKey,
} from "weir";

/** What an attack may use. */
interface Weapons {
  readonly nft: NftClient;
  readonly conntrack: ConntrackClient | undefined;
  readonly sysctl: SysctlClient | undefined;
  readonly log: Log;
}

/**
 * Imports anything. Built-in modules of node: look for the global Deno, which the bootstrap took
 * away; an attacker who knows puts something there that answers everything, so that they load and
 * what is left between them and the system is Deno's permissions.
 */
function module(specifier: string): Promise<Record<string, unknown>> {
  const anything: unknown = new Proxy(function () {}, {
    get: (_, name) => name === Symbol.toPrimitive ? () => "" : anything,
    apply: () => anything,
    construct: () => anything as object,
  });
  if (specifier.startsWith("node:")) Reflect.set(globalThis, "Deno", anything);
  return import(specifier);
}

/** Calls a function of a built-in module; the host's permissions must stop it. */
async function builtin(name: string, method: string, ...args: unknown[]): Promise<void> {
  const call = (await module(name))[method] as (...args: unknown[]) => unknown;
  await call(...args);
}

/** What became of a connection attempt. */
function connect(host: string): Promise<void> {
  return module("node:net").then((net) =>
    new Promise((resolve, reject) => {
      const socket = (net["connect"] as (port: number, host: string) => {
        on(event: string, heard: (error?: Error) => void): void;
      })(1, host);
      socket.on("connect", () => resolve());
      socket.on("error", (error) => reject(error));
    })
  );
}

const hoard: unknown[] = [];

/** Calls another of its kind. */
type Step = (depth: number) => number;

/** Computes; its name shows in a profile. */
function grindBetweenAwaits(milliseconds: number): void {
  for (const end = Date.now() + milliseconds; Date.now() < end;) hoard.length = 0;
}

/** Keeps objects; its name shows in a profile. */
function hoardForGood(): void {
  for (let at = 0; at < 300_000; at++) hoard.push({ at, of: [at] });
}

const ATTACKS: Readonly<Record<string, (weapons: Weapons) => unknown>> = {
  "spins forever": () => {
    for (;;) hoard.length = 0;
  },
  "never returns": () => new Promise(() => {}),
  "asks for the environment": () => void Deno.env.get("HOME"),
  "throws": () => {
    throw new TypeError("boom in the handler");
  },
  "throws later": () => {
    setTimeout(() => {
      throw new TypeError("boom in a timer");
    });
    return new Promise(() => {});
  },
  "fills the heap": () => {
    for (;;) hoard.push({ text: `${hoard.length}` });
  },
  "fills memory with buffers": () => {
    for (;;) hoard.push(new Uint8Array(64 * 1024 * 1024).fill(1));
  },
  "floods stdout": async () => {
    const fs = await module("node:fs");
    const write = fs["writeSync"] as (fd: number, text: string) => void;
    for (;;) write(1, "x".repeat(65536));
  },
  "floods stderr": () => {
    for (;;) console.log("x".repeat(65536));
  },
  "floods logs": ({ log }) => {
    for (let line = 0; line < 5000; line++) log.info(`line ${line}`);
  },
  "floods frames": ({ log }) => {
    for (;;) log.info("line");
  },
  "floods long lines": ({ log }) => {
    for (;;) log.info("x".repeat(8192));
  },
  "logs escapes": ({ log }) => {
    log.info("\x1b[2K\rE1123 forged", { "\x9bkey": "\u202evalue\n", plugin: "weir" });
  },
  "asks and does not read": ({ nft }) => {
    for (let count = 0; count < 20; count++) void nft.list("tables", "ip");
    for (;;) hoard.length = 0;
  },
  "floods invocations": ({ nft }) =>
    Promise.all(Array.from({ length: 1000 }, () => nft.list("tables", "ip"))),
  "exceeds its grant": ({ nft }) => nft.list("tables", "ip"),
  "names too many ports": ({ conntrack }) => {
    // The client would say "all" instead: it is told of few, and JSON of many.
    const ids = Object.assign(["x"], { toJSON: () => Array<string>(501).fill("x") });
    return conntrack?.reconcile(ids);
  },
  "names a flow of others": ({ conntrack }) =>
    conntrack?.reconcile({ length: 1, protocol: 17, source: "10.0.0.1" } as unknown as string[]),
  "sets a sysctl of others": ({ sysctl }) => sysctl?.set("net.ipv4.conf.all.arp_ignore", 1),
  "sets a sysctl of conntrack": ({ sysctl }) => sysctl?.set("net.netfilter.nf_conntrack_max", 1),
  "reads a path as a sysctl": ({ sysctl }) =>
    sysctl?.get("../../../etc/passwd" as string as SysctlKey),
  "writes two lines to a sysctl": ({ sysctl }) =>
    sysctl?.set("net.ipv4.ip_forward", "1\n0" as unknown as number),
  "writes too large a sysctl": ({ sysctl }) => sysctl?.set("net.ipv4.ip_forward", 1e300),
  "reads a file": () => builtin("node:fs", "readFileSync", "/etc/hostname"),
  "reads a file asynchronously": () => builtin("node:fs/promises", "readFile", "/etc/hostname"),
  "writes a file": () => builtin("node:fs", "writeFileSync", "/tmp/weir-hostile", "x"),
  "runs a program": async () => {
    const { spawn } = await module("node:child_process");
    const run = spawn as (program: string) => {
      on(event: string, heard: (heard: unknown) => void): void;
    };
    await new Promise((resolve, reject) => {
      const child = run("/bin/true");
      child.on("exit", resolve);
      child.on("error", reject);
    });
  },
  "finds another realm": async () => {
    const { runInNewContext } = await module("node:vm");
    const run = runInNewContext as (code: string) => unknown;
    throw new Error(`there is ${run("[typeof Deno, typeof process, typeof fetch].join()")}`);
  },
  "connects": () => connect("127.0.0.1"),
  "resolves a name": () => builtin("node:dns/promises", "lookup", "localhost"),
  "loads a library": () => builtin("node:process", "dlopen", { exports: {} }, "/lib/libc.so.6"),
  "kills another process": () => builtin("node:process", "kill", 1, "SIGTERM"),
  "imports a file": () => module("file:///etc/hostname"),
  "imports the network": () => module("http://127.0.0.1:1/x.js"),
  "imports a package": () => module("npm:is-odd@3.0.1"),
  "starts a worker": async () => {
    const threads = await module("node:worker_threads");
    const Worker = threads["Worker"] as new (code: string, options: object) => unknown;
    new Worker("for (;;);", { eval: true });
  },
  "opens an inspector": async () => {
    const { Session } = await module("node:inspector");
    const session = new (Session as new () => { connect(): void })();
    session.connect();
  },
  "listens at an inspector": () => builtin("node:inspector", "open", 0, "127.0.0.1"),
  "asks who it is": () => builtin("node:os", "getPriority", 0),
  "forges commands": () => {
    // The session's message to V8 is an ordinary object: this would be carried out instead.
    Object.defineProperty(Object.prototype, "params", {
      configurable: true,
      set(this: object, params: unknown) {
        Object.assign(this, { method: "Runtime.evaluate" });
        const value = params === undefined ? params : { expression: "globalThis.taken = 1" };
        Object.defineProperty(this, "params", { value, enumerable: true });
      },
    });
  },
  "forges commands by toJSON": () => {
    Object.defineProperty(Object.prototype, "toJSON", {
      configurable: true,
      value(this: { id?: number; method?: string }) {
        if (!this.method?.includes(".")) return this;
        return {
          id: this.id,
          method: "Runtime.evaluate",
          params: { expression: "globalThis.taken = 1" },
        };
      },
    });
  },
  "grinds": async () => {
    for (let round = 0; round < 40; round++) {
      grindBetweenAwaits(20);
      await new Promise((resume) => setTimeout(resume, 5));
    }
  },
  "hoards": () => {
    hoardForGood();
  },
  "makes long names": async () => {
    // V8 keeps a thousand characters of a name, and a node for each different stack.
    const makeNamed = new Function(
      "pick",
      "grind",
      `return [...Array(16).keys()].map((at) =>
      eval("(function " + "n".repeat(900) + at + "(depth) {" +
        "if (depth === 0) return grind(12);" +
        "return pick()(depth - 1) + depth;" +
      "})"))`,
    ) as (pick: () => Step, grind: (milliseconds: number) => void) => Step[];
    const steps: readonly Step[] = makeNamed(() => {
      const step = steps[Math.floor(Math.random() * 16)];
      if (step === undefined) throw new Error("there are 16");
      return step;
    }, grindBetweenAwaits);
    for (let round = 0; round < 150; round++) {
      steps[0]?.(100);
      await new Promise((resume) => setTimeout(resume));
    }
  },
  "looks for globals": () => {
    const names = [
      "Deno",
      "process",
      "gc",
      "Worker",
      "BroadcastChannel",
      "SharedArrayBuffer",
      "fetch",
      "WebSocket",
      "EventSource",
      "caches",
      "localStorage",
      "sessionStorage",
      "navigator",
    ];
    const found = names.filter((name) => Reflect.get(globalThis, name) !== undefined);
    throw new Error(`found ${found.join(", ") || "nothing"}`);
  },
};

let attack: string | undefined;

/** What an attack may have made of it. */
function alive(): string {
  return Reflect.get(globalThis, "taken") === undefined ? "alive" : "in power";
}

export default defineProxier({
  name: "hostile",
  version: "0.1.0",
  api: 1,
  requires: { nft: { version: 1, table: "hostile" } },
  uses: { conntrack: { version: 1 }, sysctl: { version: 1, keys: ["net.ipv4.ip_forward"] } },
  async resync(_, { nft, conntrack, sysctl, log, features }) {
    attack = features.kernel;
    await ATTACKS[attack]?.({ nft, conntrack, sysctl, log });
  },
  apply() {},
  explain: () => [{ at: "plugin", match: attack ?? "nothing yet", outcome: alive() }],
  cleanup() {},
});
