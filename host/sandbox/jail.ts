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

/** No jail at all, where there is no util-linux. */
export const NO_JAIL: Jail = { layers: [], missing: [] };

/** Runs a command to its end and says how it failed, or undefined. */
export type Probe = (command: readonly string[]) => Promise<string | undefined>;

/** The uid and gid that own nothing: "nobody" everywhere on Linux. */
const NOBODY = 65_534;

function candidates(memoryBytes: number): readonly JailLayer[] {
  return [
    // New and empty: no interface but a loopback that is down; no IPC objects; own host name.
    { name: "network", program: "unshare", options: ["--net", "--ipc", "--uts"] },
    // A wall behind the heap limit, for buffers outside of it: an allocation fails, not the node.
    { name: "memory", program: "prlimit", options: [`--data=${memoryBytes}`, "--core=0"] },
    // With no_new_privs and an empty bounding set, no exec gives a capability, not even to uid 0.
    { name: "privileges", program: "setpriv", options: ["--no-new-privs", "--bounding-set=-all"] },
    // Ends a plugin in an endless loop, which never sees the end of stdin, when the host is
    // killed: PR_SET_PDEATHSIG, cleared by the kernel when credentials change, is set after that.
    { name: "orphan", program: "setpriv", options: ["--pdeathsig", "KILL"] },
    {
      name: "user",
      program: "setpriv",
      options: [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"],
    },
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
  if (await probe(jailCommand(all, command)) === undefined) return { layers: all, missing: [] };
  const layers: JailLayer[] = [];
  const missing: string[] = [];
  for (const layer of all) {
    const failure = await probe(jailCommand([...layers, layer], command));
    if (failure === undefined) layers.push(layer);
    else missing.push(`no ${layer.name} jail, ${layer.program} failed: ${failure}`);
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
