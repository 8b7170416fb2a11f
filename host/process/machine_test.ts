/** Which of the files names the machine. */
import assert from "node:assert/strict";
import { readMachineIds } from "./machine.ts";

const FILES: Readonly<Record<string, string>> = {
  "/proc/sys/kernel/random/boot_id": "0f9c\n",
  "/etc/machine-id": "\n",
  "/var/lib/dbus/machine-id": "3d12\n",
};

function read(path: string): string {
  const text = FILES[path];
  if (text === undefined) throw new Error("ENOENT");
  return text;
}

const CASES = [
  ["the first of the list", ["/var/lib/dbus/machine-id", "/etc/machine-id"], "3d12"],
  ["the first that exists", ["/nowhere", "/var/lib/dbus/machine-id"], "3d12"],
  ["the first that says something", ["/etc/machine-id", "/var/lib/dbus/machine-id"], "3d12"],
  ["none when none is there", ["/nowhere"], ""],
  ["none of an empty list", [], ""],
] as const;

for (const [sentence, machineIdFiles, machineId] of CASES) {
  Deno.test(`the machine's id is that of ${sentence}`, () => {
    const bootIdFiles = ["/proc/sys/kernel/random/boot_id"];
    assert.deepEqual(readMachineIds({ machineIdFiles, bootIdFiles }, read), {
      machineId,
      bootId: "0f9c",
    });
  });
}
