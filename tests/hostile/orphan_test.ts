import assert from "node:assert/strict";
import { procRuns } from "./proc.ts";

async function ends(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (!await procRuns(pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

const CASES = [["nothing", "idle"], ["spins forever", "in an endless loop"]] as const;

for (const [attack, what] of CASES) {
  Deno.test(`a plugin that is ${what} does not outlive a host that is killed`, async () => {
    const home = new URL("../../", import.meta.url);
    const host = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-read",
        "--allow-write",
        `--allow-run=${Deno.execPath()},unshare,prlimit,setpriv`,
        new URL("./orphan_host.ts", import.meta.url).href,
        attack,
      ],
      cwd: home,
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = host.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await reader.read();
    const pid = Number(value);
    assert.ok(pid > 1 && await procRuns(pid), `the sandbox is process ${value}`);
    // Time for the handler to begin its loop.
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(await procRuns(pid));
    host.kill("SIGKILL");
    await host.status;
    assert.ok(await ends(pid), "the plugin is gone");
    await reader.cancel();
  });
}
