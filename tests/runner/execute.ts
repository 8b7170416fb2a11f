/**
 * Programs that the runners start: to their end, with a time limit.
 *
 * @module
 */

/**
 * Runs a program with this process's output.
 *
 * @param words Program and arguments.
 * @param seconds Then it is killed.
 * @param input What it reads: nothing at all, or a stream that never says anything nor ends.
 * @returns Its exit code, or why it has none: it could not start, or a signal ended it.
 */
export async function execute(
  words: readonly string[],
  seconds: number,
  input: "nothing" | "silence" = "nothing",
): Promise<number | string> {
  const [program = "", ...args] = words;
  const started = performance.now();
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      stdin: input === "nothing" ? "null" : "piped",
      env: {
        DEBIAN_FRONTEND: "noninteractive",
        DENO_NO_UPDATE_CHECK: "1",
        // A package that brings a service, as prometheus does, is wanted for its program only.
        SYSTEMD_OFFLINE: "1",
      },
    }).spawn();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  const { code, signal } = await child.status;
  clearTimeout(timer);
  if (input === "silence") await child.stdin.close().catch(() => undefined);
  if (signal === null) return code;
  const lasted = Math.round((performance.now() - started) / 1000);
  return `killed by ${signal} after ${lasted} s of at most ${seconds} s`;
}
