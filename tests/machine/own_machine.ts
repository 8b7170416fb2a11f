/**
 * The machine that was booted for these tests alone, and what they do to all of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { readSystemFile, writeSystemFile } from "../../host/capabilities/system_file.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { succeed } from "../kernel/namespace_program.ts";
import { PATIENCE, patient, until } from "../kernel/patience.ts";
import type { WeirProcess } from "../kernel/weir_process.ts";
import { MARK } from "../vm/machine.ts";

const MODPROBE = "/proc/sys/kernel/modprobe";
const NETFILTER = /^(nf|ip_set|x_?tables|libcrc32c)/;

/** The machine, seen from its first network namespace. */
export class OwnMachine implements Disposable {
  /** The first network namespace, from which alone the node's limits can be changed. */
  readonly namespace: NetworkNamespace;

  private constructor(namespace: NetworkNamespace) {
    this.namespace = namespace;
  }

  /**
   * Opens it.
   *
   * @returns The machine.
   * @throws {AssertionError} On any machine that was not booted for tests.
   */
  static open(): OwnMachine {
    const words = readSystemFile("/proc/cmdline").trim().split(" ");
    assert.ok(words.includes(MARK), "these tests take the whole machine: run `deno task test:vm`");
    return new OwnMachine(NetworkNamespace.own());
  }

  /**
   * Reads a setting.
   *
   * @param key Below /proc/sys, for example `net/netfilter/nf_conntrack_max`.
   * @returns Its value.
   */
  read(key: string): number {
    return Number(readSystemFile(`/proc/sys/${key}`));
  }

  /**
   * Writes a setting, as an administrator of the node.
   *
   * @param key Below /proc/sys.
   * @param value Its value.
   */
  write(key: string, value: number): void {
    writeSystemFile(`/proc/sys/${key}`, String(value));
  }

  /** Names of the loaded modules. */
  get modules(): readonly string[] {
    return readModules().map(({ name }) => name);
  }

  /**
   * Loads a module and those that it needs.
   *
   * @param name For example `nf_tables`.
   */
  async load(name: string): Promise<void> {
    await succeed(this, ["modprobe", name]);
  }

  /**
   * Runs a program to its end.
   *
   * @param command Program and arguments.
   * @returns What it printed.
   */
  run(command: readonly string[]): Promise<string> {
    return succeed(this, command);
  }

  /**
   * Removes all rules and then every module of netfilter, as after a boot.
   *
   * @returns When none is left.
   */
  async forgetNetfilter(): Promise<void> {
    if (this.modules.includes("nf_tables")) await succeed(this, ["nft", "flush", "ruleset"]);
    // The kernel lets go of rules and sockets a moment later.
    await until("no module of netfilter", async () => {
      const loaded = readModules().filter(({ name }) => NETFILTER.test(name));
      for (const { name, users } of loaded) {
        if (users === 0) await succeed(this, ["rmmod", name]);
      }
      return loaded.length === 0;
    });
  }

  /**
   * Has the kernel load no module by itself, as where it finds no modprobe(8) or none may be loaded.
   *
   * @returns Lets it again when disposed.
   */
  withoutAutoload(): Disposable {
    const former = readSystemFile(MODPROBE).trim();
    writeSystemFile(MODPROBE, "/nowhere");
    return { [Symbol.dispose]: () => writeSystemFile(MODPROBE, former) };
  }

  /** Lets go of it; what was done to it stays. */
  [Symbol.dispose](): void {
    this.namespace.close();
  }
}

/**
 * Writes a configuration file for weir on this machine: plugins are given the time that they take to
 * start on an emulated processor.
 *
 * @param path Where.
 * @param fields Of KubeProxyConfiguration.
 */
export async function writeConfiguration(
  path: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<void> {
  const documents = [
    { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration", ...fields },
    {
      apiVersion: "weir.dev/v1alpha1",
      kind: "WeirConfiguration",
      limits: { handshakeMs: patient(LIMITS.handshakeMs) },
    },
  ];
  await Deno.writeTextFile(path, documents.map((one) => JSON.stringify(one)).join("\n---\n"));
}

/** Milliseconds for all of weir to start on an emulated processor that is not this test's alone. */
const START = 3 * PATIENCE;

/**
 * Waits until weir has put its first rules into the kernel.
 *
 * @param weir weir, just started.
 */
export async function firstSync(weir: WeirProcess): Promise<void> {
  await weir.until(
    "the first sync",
    () => /"Synced" kind="full" revision=1 ports=1/.test(weir.log),
    START,
  );
}

function readModules(): { readonly name: string; readonly users: number }[] {
  return readSystemFile("/proc/modules").trim().split("\n").map((line) => {
    const [name = "", , users] = line.split(" ");
    return { name, users: Number(users) };
  });
}
