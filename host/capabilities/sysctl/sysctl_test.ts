import assert from "node:assert/strict";
import { CONNTRACK_SYSCTLS, SYSCTL_KEYS, type SysctlKey } from "../../../schemas/sysctl.ts";
import { fakeSysctls } from "../../../tests/kit/sysctl_fake.ts";
import { NetworkNamespace } from "../namespace.ts";
import { KERNEL_SETTINGS, readSetting, type SettingFiles, settingPath } from "./setting.ts";
import { sysctlCapability } from "./sysctl.ts";

const NOTHING = new Uint8Array(0);
const MAX = "net.netfilter.nf_conntrack_max";
const BUCKETS = "net.netfilter.nf_conntrack_buckets";
const UDP = "net.netfilter.nf_conntrack_udp_timeout";
const LIBERAL = "net.netfilter.nf_conntrack_tcp_be_liberal";
const FORWARD = "net.ipv4.ip_forward";

function granted(files: SettingFiles, ...keys: readonly SysctlKey[]) {
  return sysctlCapability({ version: 1, keys }, files);
}

/** The kernel's own files, of a network namespace. */
function filesOf(namespace: NetworkNamespace): SettingFiles {
  return {
    read: (path) => namespace.inside(() => KERNEL_SETTINGS.read(path)),
    write: (path, text) => namespace.inside(() => KERNEL_SETTINGS.write(path, text)),
  };
}

/** A stage on which the same is said of the real kernel and of the fake. */
interface Stage extends Disposable {
  readonly files: SettingFiles;
}

const STAGES: readonly (readonly [string, () => Stage])[] = [
  ["the kernel", () => {
    const namespace = NetworkNamespace.create("node");
    // A new namespace begins with the switches of the first one.
    namespace.sysctl("ipv4/ip_forward", "0");
    return { files: filesOf(namespace), [Symbol.dispose]: () => namespace.close() };
  }],
  ["the fake", () => {
    const { files } = fakeSysctls({ [UDP]: 30, [FORWARD]: 0, [LIBERAL]: 0, [MAX]: 262144 });
    return { files, [Symbol.dispose]() {} };
  }],
];

for (const [what, create] of STAGES) {
  Deno.test(`${what}: a setting is read, written, and reads as it was written`, async () => {
    using stage = create();
    const capability = granted(stage.files, UDP, FORWARD, LIBERAL);
    const { value } = await capability.invoke("get", { key: UDP }, NOTHING);
    assert.deepEqual(value, { value: 30 });
    for (const [key, before, after] of [[UDP, 30, 61], [FORWARD, 0, 1], [LIBERAL, 0, 1]] as const) {
      const { value } = await capability.invoke("set", { key, value: after }, NOTHING);
      assert.deepEqual(value, { before, after });
      assert.equal(readSetting(key, stage.files), after);
    }
  });

  Deno.test(`${what}: a timeout is lowered too, a limit that is higher already stays`, async () => {
    using stage = create();
    const capability = granted(stage.files, UDP, MAX);
    const shorter = await capability.invoke("set", { key: UDP, value: 7 }, NOTHING);
    assert.deepEqual(shorter.value, { before: 30, after: 7 });
    const limit = readSetting(MAX, stage.files);
    const kept = await capability.invoke("set", { key: MAX, value: 1 }, NOTHING);
    assert.deepEqual(kept.value, { before: limit, after: limit });
  });
}

Deno.test("connection tracking gets no more entries and buckets than the machine's memory is for", async () => {
  for (const key of [MAX, BUCKETS] as const) {
    const sysctl = fakeSysctls({ [key]: 65_536, [UDP]: 30 });
    const capability = sysctlCapability({ version: 1, keys: [key, UDP] }, sysctl.files, {
      mostEntries: () => 100_000,
    });
    const set = (value: number, of: SysctlKey = key) =>
      capability.invoke("set", { key: of, value }, NOTHING);
    for (const value of [100_001, 2 ** 31 - 1]) {
      await assert.rejects(set(value), (fault: Error & { code?: string }) => {
        assert.equal(fault.code, "WEIR_SYSCTL");
        assert.match(fault.message, /memory is for, the most is 100000; .* conntrack\.min/);
        assert.equal((fault.cause as { readonly key: string }).key, key);
        return true;
      });
    }
    assert.deepEqual(sysctl.writes, []);
    await set(100_000);
    // Seconds are no entries, and what is higher already is not refused.
    await set(200_000, UDP);
    sysctl.values.set(key, 500_000);
    assert.deepEqual((await set(400_000)).value, { before: 500_000, after: 500_000 });
    assert.deepEqual(sysctl.writes, [`${key}=100000`, `${UDP}=200000`]);
  }
});

Deno.test("a setting of one network namespace is that one's alone", async () => {
  using here = NetworkNamespace.create("here");
  using there = NetworkNamespace.create("there");
  await granted(filesOf(here), UDP).invoke("set", { key: UDP, value: 7 }, NOTHING);
  assert.equal(readSetting(UDP, filesOf(there)), 30);
});

Deno.test("the kernel has every conntrack setting under the name that can be granted", () => {
  using namespace = NetworkNamespace.create("node");
  for (const key of SYSCTL_KEYS.filter((key) => key in CONNTRACK_SYSCTLS)) {
    assert.ok(readSetting(key, filesOf(namespace)) >= 0, key);
  }
});

Deno.test("a limit of the whole node cannot be raised from another network namespace, and that is said", async () => {
  using namespace = NetworkNamespace.create("node");
  const files = filesOf(namespace);
  for (const key of [MAX, BUCKETS] as const) {
    const limit = readSetting(key, files);
    await assert.rejects(
      granted(files, key).invoke("set", { key, value: limit + 1 }, NOTHING),
      {
        code: "WEIR_SYSCTL",
        message: /^Cannot set sysctl ".*" to \d+: .*hostNetwork.*--init-only.*\(EACCES\)$/,
      },
    );
    assert.equal(readSetting(key, files), limit);
  }
});

Deno.test("a value that the kernel does not take is said to be one, and nothing has changed", async () => {
  using namespace = NetworkNamespace.create("node");
  const files = filesOf(namespace);
  // The kernel keeps jiffies in an int, and has at least a hundred a second.
  await assert.rejects(
    granted(files, UDP).invoke("set", { key: UDP, value: 2 ** 31 - 1 }, NOTHING),
    { code: "WEIR_SYSCTL", message: /the kernel does not take this value \(EINVAL\)$/ },
  );
  assert.equal(readSetting(UDP, files), 30);
});

const REFUSALS: readonly (readonly [string, SysctlKey, RegExp])[] = [
  ["EROFS", UDP, /\/proc\/sys is read-only in this container; .*--init-only.*sysctl -w/],
  ["EPERM", FORWARD, /weir may not change it: .*--init-only/],
  ["ENOMEM", BUCKETS, /not enough memory/],
  ["EIO", UDP, /the kernel answered EIO/],
];

for (const [errno, key, message] of REFUSALS) {
  Deno.test(`where the kernel answers ${errno} the error says what helps`, async () => {
    const sysctl = fakeSysctls({ [key]: 0 });
    sysctl.refuse(key, errno);
    await assert.rejects(
      granted(sysctl.files, key).invoke("set", { key, value: 1 }, NOTHING),
      (fault: Error & { code?: string }) => {
        assert.equal(fault.code, "WEIR_SYSCTL");
        assert.match(fault.message, message);
        const { name } = fault.cause as { readonly name: string };
        assert.equal(name, errno);
        return true;
      },
    );
    assert.equal(sysctl.values.get(key), 0);
  });
}

const MISSING: readonly (readonly [SysctlKey, RegExp])[] = [
  [UDP, /read sysctl .*: the kernel module nf_conntrack is not loaded; weir's rules load/],
  ["net.ipv4.vs.conntrack", /the kernel module ip_vs is not loaded; .*modprobe ip_vs/],
  ["net.ipv6.conf.all.forwarding", /this kernel does not have it/],
];

for (const [key, message] of MISSING) {
  Deno.test(`where there is no ${key} the error names its module`, async () => {
    const { files } = fakeSysctls({});
    const params = { key, value: 1 };
    await assert.rejects(granted(files, key).invoke("set", params, NOTHING), {
      code: "WEIR_SYSCTL",
      message,
    });
    await assert.rejects(granted(files, key).invoke("get", { key }, NOTHING), { message });
  });
}

const EXCEEDED: readonly (readonly [string, string, unknown, Uint8Array, RegExp])[] = [
  ["another method", "list", {}, NOTHING, /"sysctl.list": there are get and set/],
  ["bytes beside it", "get", { key: UDP }, new Uint8Array(1), /1 bytes are attached/],
  ["nothing at all", "get", null, NOTHING, /its parameters/],
  ["a key that was not granted", "get", { key: FORWARD }, NOTHING, /ip_forward is not granted/],
  ["a key that was not granted", "set", { key: FORWARD, value: 1 }, NOTHING, /is not granted/],
  ["a path", "get", { key: "../../etc/passwd" }, NOTHING, /key: weir has no such sysctl/],
  ["a path", "set", { key: `net/../${UDP}`, value: 1 }, NOTHING, /key: weir has no such sysctl/],
  ["a setting of others", "set", { key: "kernel.core_pattern", value: 1 }, NOTHING, /no such/],
  ["a name of every object", "get", { key: "__proto__" }, NOTHING, /no such/],
  ["a NUL in a key", "get", { key: `${UDP}\0` }, NOTHING, /no such/],
  ["a text for a value", "set", { key: UDP, value: "30" }, NOTHING, /value: it is not a number/],
  ["a line feed", "set", { key: UDP, value: "30\n31" }, NOTHING, /value: it is not a number/],
  ["a fraction", "set", { key: UDP, value: 1.5 }, NOTHING, /value: it is not an integer/],
  ["too large a value", "set", { key: UDP, value: 2 ** 31 }, NOTHING, /not within 1 to 2147483647/],
  ["too small a value", "set", { key: UDP, value: 0 }, NOTHING, /not within 1 to/],
  ["no value", "set", { key: UDP }, NOTHING, /value/],
  ["a file", "set", { key: UDP, value: 1, file: "/proc/sys/x" }, NOTHING, /file/],
];

for (const [what, method, params, attachment, message] of EXCEEDED) {
  Deno.test(`a plugin that sends ${what} to ${method} has exceeded its grant, and nothing is touched`, async () => {
    const touched: string[] = [];
    const files = {
      read: (path: string) => `${touched.push(path)}`,
      write: (path: string) => void touched.push(path),
    };
    await assert.rejects(
      granted(files, UDP).invoke(method, params, attachment),
      (fault: Error & { code?: string }) => {
        assert.equal(fault.code, "WEIR_GRANT_EXCEEDED");
        assert.match(fault.message, message);
        return true;
      },
    );
    assert.deepEqual(touched, []);
  });
}

Deno.test("a plugin whose grant was withdrawn is refused", async () => {
  const sysctl = fakeSysctls({ [UDP]: 30 });
  const capability = granted(sysctl.files, UDP);
  capability.close();
  await assert.rejects(capability.invoke("set", { key: UDP, value: 1 }, NOTHING), {
    code: "WEIR_GRANT_EXCEEDED",
  });
  assert.deepEqual(sysctl.writes, []);
});

Deno.test("no setting that can be granted lies outside of /proc/sys/net", () => {
  for (const key of SYSCTL_KEYS) {
    const path = settingPath(key);
    assert.equal(new URL(path, "file:///").pathname, path);
    assert.match(path, /^\/proc\/sys\/net\/[a-z0-9_/-]+$/);
  }
});
