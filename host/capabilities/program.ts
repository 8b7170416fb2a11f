/**
 * Programs other than sandboxes, such as those that `weir demo` runs inside its namespaces. They
 * end with the process that started them, however that one ends.
 *
 * @module
 */

/** How a program is started. */
export interface ProgramOptions {
  readonly stdin: "piped" | "null";
  readonly stdout: "piped" | "null" | "inherit";
  readonly stderr: "piped" | "null" | "inherit";
  /**
   * With `own`, a terminal's Ctrl-C does not reach the program, which its parent then ends in good
   * order: a terminal signals only processes of its own session (credentials(7)).
   */
  readonly session: "shared" | "own";
}

/**
 * Ties a program's life to that of its parent, by PR_SET_PDEATHSIG (prctl(2)): the kernel kills
 * it when the parent is gone, even after `kill -9`. To be put behind `unshare` and `nsenter`,
 * because the kernel forgets the wish when credentials change.
 *
 * @param command Program and arguments.
 * @returns The same behind `setpriv` of util-linux.
 */
export function boundToParent(command: readonly string[]): readonly string[] {
  return ["setpriv", "--pdeathsig", "KILL", "--", ...command];
}

/**
 * Starts a program with this process's environment.
 *
 * @param command Program and arguments; a program without `/` is looked up in PATH.
 * @param options Its standard streams and session.
 * @returns The running program.
 * @throws {Deno.errors.NotFound} When there is no such program.
 * @throws {Deno.errors.NotCapable} Without `--allow-run` for it.
 */
export function startProgram(
  command: readonly string[],
  options: ProgramOptions,
): Deno.ChildProcess {
  const [program = "", ...args] = command;
  const { session, ...streams } = options;
  return new Deno.Command(program, { args, ...streams, detached: session === "own" }).spawn();
}
