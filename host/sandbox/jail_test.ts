import assert from "node:assert/strict";
import { inUserNamespace, jailCommand, keepsCapabilities, probeJail } from "./jail.ts";

/** A node that runs a command unless it contains one of these words. */
function node(...failing: readonly string[]) {
  const ran: string[] = [];
  const probe = (command: readonly string[]) => {
    const line = command.join(" ");
    ran.push(line);
    const word = failing.find((word) => line.includes(word));
    return Promise.resolve(word === undefined ? undefined : `${word} is not permitted`);
  };
  return { ran, probe };
}

Deno.test("where everything works one probe is enough, in one chain of programs", async () => {
  const { ran, probe } = node();
  const { layers, missing } = await probeJail(["deno", "run"], 1000, probe);
  assert.deepEqual(missing, []);
  assert.deepEqual(ran, [
    "unshare --net --ipc --uts prlimit --data=1000 --core=0 setpriv --no-new-privs " +
    "--inh-caps=-all --ambient-caps=-all --bounding-set=-all --pdeathsig KILL --reuid=65534 --regid=65534 --clear-groups deno run",
  ]);
  assert.equal(jailCommand(layers, ["deno", "run"]).join(" "), ran[0]);
});

Deno.test("a layer that fails is left out with its reason, the others stay", async () => {
  const { probe } = node("unshare", "--reuid");
  const { layers, missing } = await probeJail(["deno"], 1000, probe);
  assert.deepEqual(layers.map(({ name }) => name), ["memory", "privileges", "orphan"]);
  assert.deepEqual(missing, [
    "no network jail, unshare failed: unshare is not permitted",
    "no user jail, setpriv failed: --reuid is not permitted",
  ]);
});

Deno.test("without CAP_SYS_ADMIN the network jail is put into a user namespace", async () => {
  const { probe } = node("unshare --net", "--reuid");
  const jail = await probeJail(["deno"], 1000, probe);
  assert.deepEqual(jail.layers[0]?.options, [
    "--user",
    "--net",
    "--ipc",
    "--uts",
  ]);
  assert.deepEqual(jail.missing, [], "another user cannot be had there, and is not wanted");
  assert.equal(keepsCapabilities(jail), false);
  assert.equal(inUserNamespace(jail), true);
});

for (
  const [sentence, failing, keeps] of [
    ["of another user has none of weir's capabilities", ["unshare"], false],
    ["of weir's own user may keep them", ["unshare", "--reuid"], true],
  ] as const
) {
  Deno.test(`a sandbox ${sentence}`, async () => {
    const jail = await probeJail(["deno"], 1000, node(...failing).probe);
    assert.equal(keepsCapabilities(jail), keeps);
  });
}

Deno.test("where nothing works the command stays as it is", async () => {
  const { probe } = node("deno");
  const { layers, missing } = await probeJail(["deno"], 1000, probe);
  assert.equal(missing.length, 5);
  assert.deepEqual(jailCommand(layers, ["deno"]), ["deno"]);
});
