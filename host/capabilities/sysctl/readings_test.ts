import assert from "node:assert/strict";
import { errnoOf } from "../errno.ts";
import { SystemCallError } from "../libc.ts";
import { NetworkNamespace } from "../namespace.ts";
import { readSystemFile } from "../system_file.ts";
import {
  conntrackUsage,
  forwarding,
  memoryBytes,
  onlineProcessors,
  type ReadFile,
} from "./readings.ts";

function files(texts: Readonly<Record<string, string>>): ReadFile {
  return (path) => {
    const text = texts[path];
    if (text === undefined) throw new SystemCallError(`open ${path}`, errnoOf("ENOENT"));
    return text;
  };
}

const PROCESSORS: readonly (readonly [string, number])[] = [
  ["0\n", 1],
  ["0-3\n", 4],
  ["0-3,8\n", 5],
  ["0,2,4-7,127\n", 7],
];

for (const [online, count] of PROCESSORS) {
  Deno.test(`of processors ${online.trim()} there are ${count}`, () => {
    assert.equal(onlineProcessors(files({ "/sys/devices/system/cpu/online": online })), count);
  });
}

Deno.test("without /sys the processors are those that this process may use", () => {
  assert.equal(onlineProcessors(files({})), navigator.hardwareConcurrency);
  const empty = files({ "/sys/devices/system/cpu/online": "\n" });
  assert.equal(onlineProcessors(empty), navigator.hardwareConcurrency);
});

Deno.test("this machine has at least as many processors as this process may use", () => {
  assert.ok(onlineProcessors() >= navigator.hardwareConcurrency);
});

Deno.test("an empty network namespace tracks nothing, below a limit, and forwards what it is told to", () => {
  using namespace = NetworkNamespace.create("node");
  const read: ReadFile = (path) => namespace.inside(() => readSystemFile(path));
  const usage = conntrackUsage(read);
  assert.equal(usage?.entries, 0);
  assert.ok((usage?.limit ?? 0) > 0);
  // A new namespace begins with the switches of the first one.
  namespace.sysctl("ipv4/ip_forward", "0");
  namespace.sysctl("ipv6/conf/all/forwarding", "0");
  for (const family of ["IPv4", "IPv6"] as const) assert.equal(forwarding(family, read), "off");
  namespace.sysctl("ipv4/ip_forward", "1");
  assert.equal(forwarding("IPv4", read), "on");
  assert.equal(forwarding("IPv6", read), "off");
  namespace.sysctl("ipv6/conf/all/disable_ipv6", "1");
  assert.equal(forwarding("IPv6", read), "disabled");
});

Deno.test("the memory is the node's, in bytes", () => {
  const text = "MemTotal:       24684084 kB\nMemFree:        17429288 kB\n";
  assert.equal(memoryBytes(files({ "/proc/meminfo": text })), 24_684_084 * 1024);
  assert.ok(memoryBytes() > 2 ** 26);
});

Deno.test("what the kernel does not have is not known", () => {
  assert.equal(memoryBytes(files({})), 0);
  assert.equal(conntrackUsage(files({})), undefined);
  assert.equal(forwarding("IPv6", files({})), "absent");
});
