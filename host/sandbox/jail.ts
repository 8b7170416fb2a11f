/**
 * The operating system's jail around a sandbox, behind Deno's permissions: small programs of
 * util-linux in front of the child, as far as the node has them and allows them. What is not
 * possible is reported with the reason, once.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";

/** One layer of the jail: options of the program that puts it on. */
export interface JailLayer {
  /** What the layer takes away, for people. */
  readonly name: "network" | "memory" | "user" | "privileges" | "orphan";
  readonly program: "unshare" | "prlimit" | "setpriv";
  readonly options: readonly string[];
}

/** The layers in force and those that are not, with the reasons. */
export interface Jail {
  readonly layers: readonly JailLayer[];
  /** One sentence each, for the log. */
  readonly missing: readonly string[];
}

/**
 * Whether a plugin that broke out of Deno could still use weir's capabilities.
 *
 * @param jail As it was probed.
 * @returns True when neither another user nor a user namespace takes them from it.
 */
export function keepsCapabilities(jail: Jail): boolean {
  return !inUserNamespace(jail) && !jail.layers.some(({ name }) => name === "user");
}

/**
 * Whether plugins are in a user namespace, where weir's capabilities are of no use and another user
 * is not needed.
 *
 * @param jail As it was probed.
 * @returns True without CAP_SYS_ADMIN, where the kernel and the container runtime allow it.
 */
export function inUserNamespace(jail: Pick<Jail, "layers">): boolean {
  return jail.layers.some(({ options }) => options.includes("--user"));
}

/** Runs a command to its end and says how it failed, or undefined. */
export type Probe = (command: readonly string[]) => Promise<string | undefined>;

/** The uid and gid that own nothing: "nobody" everywhere on Linux. */
const NOBODY = 65_534;

/** The layers in their order, each with the ways to have it, the best first. */
function candidates(memoryBytes: number): readonly (readonly [JailLayer, ...JailLayer[]])[] {
  // New and empty: no interface but a loopback that is down; no IPC objects; own host name.
  const namespaces = ["--net", "--ipc", "--uts"];
  return [
    [
      { name: "network", program: "unshare", options: namespaces },
      // Without CAP_SYS_ADMIN the same takes a user namespace (user_namespaces(7)). Capabilities
      // within it are of no use outside, so weir's own CAP_NET_ADMIN ends here, too. No user is
      // mapped into it: to map root takes CAP_SETFCAP since Linux 5.12.
      {
        name: "network",
        program: "unshare",
        options: ["--user", ...namespaces],
      },
    ],
    // A wall behind the heap limit, for buffers outside of it: an allocation fails, not the node.
    [{ name: "memory", program: "prlimit", options: [`--data=${memoryBytes}`, "--core=0"] }],
    // With no_new_privs and an empty bounding set, no exec gives a capability, not even to uid 0.
    // Where the bounding set cannot be emptied, for lack of CAP_SETPCAP, setpriv goes on silently;
    // then another user than root still loses all, once the ambient set is empty.
    [{
      name: "privileges",
      program: "setpriv",
      options: [
        "--no-new-privs",
        "--inh-caps=-all",
        "--ambient-caps=-all",
        "--bounding-set=-all",
      ],
    }],
    // Ends a plugin in an endless loop, which never sees the end of stdin, when the host is
    // killed: PR_SET_PDEATHSIG, cleared by the kernel when credentials change, is set after that.
    [{ name: "orphan", program: "setpriv", options: ["--pdeathsig", "KILL"] }],
    [{
      name: "user",
      program: "setpriv",
      options: [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"],
    }],
  ];
}

/**
 * Puts the layers in front of a command. Every program execs the next, so the process that was
 * started is the plugin's in the end and one signal reaches it.
 *
 * @param layers The layers.
 * @param command What to jail.
 * @returns The jailed command. All options of setpriv are in one run of it, because after any of
 * them it may lack the privilege for the others; unshare and prlimit come before for the same
 * reason.
 */
export function jailCommand(
  layers: readonly JailLayer[],
  command: readonly string[],
): readonly string[] {
  const programs = (["unshare", "prlimit", "setpriv"] as const).flatMap((program) => {
    const options = layers.filter((layer) => layer.program === program)
      .flatMap((layer) => layer.options);
    return options.length === 0 ? [] : [program, ...options];
  });
  return [...programs, ...command];
}

/**
 * Finds out which layers this node allows: all, else each that works with those before it.
 *
 * @param command The sandbox's own command, which ends by itself when its stdin is empty.
 * @param memoryBytes RLIMIT_DATA of the memory layer, in bytes.
 * @param probe Runs a command to its end.
 * @returns The jail.
 */
export async function probeJail(
  command: readonly string[],
  memoryBytes: number,
  probe: Probe = runProbe,
): Promise<Jail> {
  const all = candidates(memoryBytes);
  const best = all.map(([first]) => first);
  if (await probe(jailCommand(best, command)) === undefined) return { layers: best, missing: [] };
  const layers: JailLayer[] = [];
  const missing: string[] = [];
  for (const ways of all) {
    // No other user is mapped there, so that none can be had, and none is wanted.
    if (ways[0].name === "user" && inUserNamespace({ layers })) continue;
    const refusals: string[] = [];
    for (const way of ways) {
      const failure = await probe(jailCommand([...layers, way], command));
      if (failure === undefined) {
        layers.push(way);
        break;
      }
      refusals.push(`no ${way.name} jail, ${way.program} failed: ${failure}`);
    }
    // The first way is the one that an operator can do something about.
    const [refusal] = refusals;
    if (refusals.length === ways.length && refusal !== undefined) missing.push(refusal);
  }
  return { layers, missing };
}

async function runProbe(command: readonly string[]): Promise<string | undefined> {
  const [program = "", ...args] = command;
  try {
    const { success, code, stderr } = await new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (success) return undefined;
    return new TextDecoder().decode(stderr).trim().split("\n").at(-1) || `exit code ${code}`;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
