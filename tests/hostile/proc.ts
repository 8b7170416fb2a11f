/**
 * What the kernel says of a process. Deno reads most of /proc only with every permission there
 * is, so small programs do.
 *
 * @module
 */

async function run(program: string, ...args: string[]): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
  return success ? new TextDecoder().decode(stdout) : undefined;
}

/**
 * Reads a file of a process.
 *
 * @param pid The process.
 * @param file For example `status`.
 * @returns Its text, or undefined when the process is gone.
 */
export function procFile(pid: number, file: string): Promise<string | undefined> {
  return run("cat", `/proc/${pid}/${file}`);
}

/**
 * Reads where a link of a process leads.
 *
 * @param pid The process.
 * @param link For example `ns/net`.
 * @returns For example `net:[4026531840]`, or undefined when the process is gone.
 */
export async function procLink(pid: number, link: string): Promise<string | undefined> {
  return (await run("readlink", `/proc/${pid}/${link}`))?.trim();
}

/**
 * Lists the open descriptors of a process.
 *
 * @param pid The process.
 * @returns What each leads to, for example `pipe:[123]`.
 */
export async function procDescriptors(pid: number): Promise<readonly string[]> {
  const listing = await run("ls", "-l", `/proc/${pid}/fd`);
  return [...(listing ?? "").matchAll(/ -> (.*)$/gm)].map(([, target = ""]) => target);
}

/**
 * Tells whether a process runs.
 *
 * @param pid The process.
 * @returns False when it is gone or a zombie.
 */
export async function procRuns(pid: number): Promise<boolean> {
  const status = await procFile(pid, "status");
  return status !== undefined && !/^State:\tZ/m.test(status);
}
