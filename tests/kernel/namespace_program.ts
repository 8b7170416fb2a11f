/**
 * Programs run inside a namespace, to their end.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";

/** How a program ended. */
export interface ProgramResult {
  /** The exit code. */
  readonly code: number;
  /** What it wrote to its standard output. */
  readonly stdout: string;
  /** What it wrote to its standard error. */
  readonly stderr: string;
}

/**
 * Runs a program, whatever its exit code.
 *
 * @param place Whose namespace.
 * @param command Program and arguments.
 * @param stdin Its input.
 * @returns How it ended.
 */
export async function runInside(
  { namespace }: { readonly namespace: NetworkNamespace },
  command: readonly string[],
  stdin = "",
): Promise<ProgramResult> {
  const [program, ...args] = namespace.command(command);
  const child = new Deno.Command(program, {
    args,
    cwd: new URL("../../", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const writing = writer.write(new TextEncoder().encode(stdin)).then(() => writer.close());
  const { code, stdout, stderr } = await child.output();
  // A program may end without having read its input.
  await writing.catch(() => {});
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/**
 * Runs a program that must not fail.
 *
 * @param place Whose namespace.
 * @param command Program and arguments.
 * @param stdin Its input.
 * @returns What it printed.
 * @throws {AssertionError} When it fails.
 */
export async function succeed(
  place: { readonly namespace: NetworkNamespace },
  command: readonly string[],
  stdin = "",
): Promise<string> {
  const { code, stdout, stderr } = await runInside(place, command, stdin);
  assert.equal(code, 0, `${command.join(" ")}: ${stderr}\n${stdin}`);
  return stdout;
}

/**
 * Runs the nft program.
 *
 * @param place Whose namespace.
 * @param command In nft's syntax.
 * @returns What it printed.
 * @throws {AssertionError} When it fails.
 */
export function nft(
  place: { readonly namespace: NetworkNamespace },
  command: string,
): Promise<string> {
  return succeed(place, ["nft", command]);
}
