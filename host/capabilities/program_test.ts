import assert from "node:assert/strict";
import { SystemCallError } from "./libc.ts";
import { boundToParent, startProgram } from "./program.ts";
import { readSystemFile } from "./system_file.ts";

/** The fields of /proc/PID/stat behind the name, from the state on (proc_pid_stat(5)). */
function stat(pid: number): readonly string[] | undefined {
  try {
    const text = readSystemFile(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch (thrown) {
    if (thrown instanceof SystemCallError) return undefined;
    throw thrown;
  }
}

/** Whether a process runs; one whose end nobody has asked for yet is a zombie, and dead. */
function isAlive(pid: number): boolean {
  return ![undefined, "Z", "X"].includes(stat(pid)?.[0]);
}

Deno.test("a program bound to its parent dies when that is killed", async () => {
  // The parent starts a child that would outlive it, says its number, and waits.
  const [program = "", ...args] = boundToParent(["sleep", "600"]);
  const code = `const child = new Deno.Command("${program}", {
    args: ${JSON.stringify(args)}, stdin: "null", stdout: "null",
  }).spawn();
  console.log(child.pid);
  await child.status;`;
  const parent = startProgram([Deno.execPath(), "eval", code], {
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    session: "shared",
  });
  const reader = parent.stdout.getReader();
  const { value } = await reader.read();
  const pid = Number(new TextDecoder().decode(value));
  assert.ok(isAlive(pid), `process ${pid} runs`);
  parent.kill("SIGKILL");
  await parent.status;
  await reader.cancel();
  for (let tries = 0; tries < 200 && isAlive(pid); tries++) {
    await new Promise((resume) => setTimeout(resume, 10));
  }
  assert.ok(!isAlive(pid), `process ${pid} is still there 2 s after its parent`);
});

for (const session of ["shared", "own"] as const) {
  Deno.test(`a program with its ${session} session has that`, async () => {
    const program = startProgram(
      [Deno.execPath(), "eval", 'console.log("up"); await new Promise((r) => setTimeout(r, 1e6))'],
      { stdin: "null", stdout: "piped", stderr: "inherit", session },
    );
    const reader = program.stdout.getReader();
    await reader.read();
    const [ours, its] = [stat(Deno.pid)?.[3], stat(program.pid)?.[3]];
    program.kill("SIGKILL");
    await program.status;
    await reader.cancel();
    assert.equal(its, session === "own" ? String(program.pid) : ours);
  });
}
