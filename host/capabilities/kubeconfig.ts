/**
 * Resolves a kubeconfig in a short-lived child process.
 *
 * @module
 */
import * as v from "valibot";
import {
  type ExecCall,
  KubeconfigAnswerSchema,
  type ResolvedCredentials,
} from "../../schemas/credentials.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";

/** What {@linkcode resolveKubeconfig} needs. */
export interface KubeconfigOptions {
  /** The kubeconfig's path. */
  readonly path: string;
  /** The API server's URL, in place of the kubeconfig's; "" for none. */
  readonly master: string;
  /** The Deno that runs the child, for example `Deno.execPath()`. */
  readonly deno: string;
  /** The child's module, if not the one beside this file: a bundle names its own. */
  readonly child?: URL;
  /** Told how an exec plugin ended. */
  readonly observeExec?: (call: ExecCall) => void;
}

/** Milliseconds that the child may take, an exec plugin's time included. */
const TIMEOUT = 60_000;
/** How much of a failed child's complaint is repeated, in characters. */
const LONGEST_COMPLAINT = 500;

async function ask(options: KubeconfigOptions, allowed: readonly string[], signal: AbortSignal) {
  const fail = (state: string, cause?: unknown) =>
    new WeirError("WEIR_CREDENTIALS", `Cannot use kubeconfig "${options.path}": ${state}`, {
      cause,
    });
  const child = options.child ?? new URL("./kubeconfig_child.ts", import.meta.url);
  const command = new Deno.Command(options.deno, {
    // It reads whatever files the kubeconfig names; it sees no environment, which an exec plugin
    // inherits all the same; it reaches no network and runs nothing but the plugin.
    args: [
      ...["run", "--quiet", "--no-prompt", "--allow-read", "--ignore-env", ...allowed],
      ...[child.href, options.path, options.master],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
  });
  let output: Deno.CommandOutput;
  try {
    output = await command.output();
  } catch (error) {
    // A wrapper of npm's or a version manager's in PATH is another program than the one it runs.
    throw error instanceof Deno.errors.NotCapable
      ? fail(
        `weir may not run Deno to read it: start weir with ${options.deno} in --allow-run`,
        error,
      )
      : fail(messageOf(error), error);
  }
  const complaint = () => new TextDecoder().decode(output.stderr).trim().slice(-LONGEST_COMPLAINT);
  let printed: unknown;
  try {
    printed = JSON.parse(new TextDecoder().decode(output.stdout));
  } catch (error) {
    const state = output.signal === null ? `status ${output.code}` : output.signal;
    throw fail(`its reader ended with ${state}: ${complaint()}`, error);
  }
  const parsed = v.safeParse(KubeconfigAnswerSchema, printed);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw fail(`${v.getDotPath(issue) ?? "the answer"}: ${issue.message}`);
  }
  const said = parsed.output;
  if (said.type !== "exec" && said.exec !== undefined) options.observeExec?.(said.exec);
  if (said.type === "failed") {
    throw new WeirError("WEIR_CREDENTIALS", said.message);
  }
  return said;
}

/**
 * Resolves a kubeconfig: its context, files and exec plugin.
 *
 * @param options Which kubeconfig, and what runs the child.
 * @param signal Ends the child.
 * @returns The credentials.
 * @throws {WeirError} WEIR_CREDENTIALS when there are none, with what is wrong.
 */
export async function resolveKubeconfig(
  options: KubeconfigOptions,
  signal: AbortSignal,
): Promise<ResolvedCredentials> {
  const first = await ask(options, [], signal);
  if (first.type === "resolved") return first.credentials;
  // Only now is it known what program must be allowed.
  const second = await ask(options, [`--allow-run=${first.command}`], signal);
  if (second.type === "resolved") return second.credentials;
  throw new WeirError(
    "WEIR_CREDENTIALS",
    `Cannot run exec plugin "${second.command}": no permission can be given for this name`,
  );
}
