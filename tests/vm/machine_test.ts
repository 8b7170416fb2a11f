import assert from "node:assert/strict";
import { machineCommand, runsGuests } from "./machine.ts";

const options = {
  kernel: "vmlinuz",
  initramfs: "initramfs",
  fileSystem: "root.sock",
  console: "console",
  reports: "reports",
  accelerated: false,
  processors: 2,
  kernelParameters: ["ipv6.disable=1"],
};

Deno.test("the machine has the host's files, two ports to speak through, and no network", () => {
  const words = machineCommand(options).join(" ");
  assert.match(words, /socket,id=root,path=root\.sock .*vhost-user-fs-pci,chardev=root,tag=host/);
  assert.match(words, /stdio,id=spoken.*nr=1 .*file,id=reports,path=reports .*nr=2/);
  assert.match(words, /-nodefaults/);
  assert.doesNotMatch(words, /netdev|-nic|-net /);
});

Deno.test("the processor runs the guest when it can, and is emulated else", () => {
  assert.match(machineCommand(options).join(" "), /-accel tcg/);
  assert.match(machineCommand({ ...options, accelerated: true }).join(" "), /-accel kvm -cpu host/);
  assert.equal(runsGuests(true, "flags\t\t: fpu vmx sse\n"), true);
  assert.equal(runsGuests(true, "flags\t\t: fpu sse\nvmx flags : x\n"), false);
  assert.equal(runsGuests(false, "flags\t\t: fpu svm sse\n"), false);
});

Deno.test("the kernel is told what the tests want of it, and how tests know this machine", () => {
  const words = machineCommand(options);
  assert.match(words.at(-1) ?? "", /^console=ttyS0 .*weir\.tests=1 ipv6\.disable=1$/);
});
