/**
 * Installs what the tests need, if it may.
 *
 * @module
 */
import { execute } from "./execute.ts";
import { installCommand, missingTools, type Tool } from "./tools.ts";

/**
 * Tells whether a file is there.
 *
 * @param path Of a file.
 * @returns True when it is a file, or a link to one.
 */
export function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * Installs what lacks when root on a Debian, and says what to run otherwise.
 *
 * @param wanted What is needed, repetitions allowed.
 * @param privileged Whether the caller is root.
 * @returns What lacks still.
 */
export async function installTools(
  wanted: readonly Tool[],
  privileged: boolean,
): Promise<readonly Tool[]> {
  const lacking = missingTools(wanted, exists);
  if (lacking.length === 0) return [];
  const command = installCommand(lacking);
  if (!privileged || !exists("/usr/bin/apt-get")) {
    console.log(`Some tests need ${lacking.join(", ")}. As root: ${command.join(" ")}`);
    return lacking;
  }
  console.log(`Installing for the tests: ${command.join(" ")}`);
  await execute(["apt-get", "update", "--quiet", "--quiet"], 180);
  await execute(command, 300);
  return missingTools(wanted, exists);
}
