/**
 * The kernel's settings in memory, as far as the capability `sysctl` goes.
 *
 * @module
 */
import { errnoOf } from "../../host/capabilities/errno.ts";
import { SystemCallError } from "../../host/capabilities/libc.ts";
import { type SettingFiles, settingPath } from "../../host/capabilities/sysctl/setting.ts";
import { SYSCTL_KEYS, type SysctlKey } from "../../schemas/sysctl.ts";

/** Settings of a kernel that is not there. */
export interface FakeSysctls {
  /** What stands in for /proc/sys. */
  readonly files: SettingFiles;
  /** The values now; a setting that is not in here belongs to a module that is not loaded. */
  readonly values: Map<SysctlKey, number>;
  /** What was written, oldest first, as `key=value`. */
  readonly writes: readonly string[];
  /**
   * Makes every write of a setting fail from now on.
   *
   * @param key Which.
   * @param errno How, for example `EROFS`; undefined lets it be written again.
   */
  refuse(key: SysctlKey, errno: string | undefined): void;
}

/**
 * Makes settings in memory.
 *
 * @param values What they are at first.
 * @returns The settings, for the capability and for the test.
 *
 * @example A tuner under test
 * ```ts
 * import { defineConntrackTuner } from "weir";
 * import { fakeSysctls, loopback } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * const plugin = defineConntrackTuner({
 *   name: "patient", version: "0.1.0", api: 1,
 *   requires: { sysctl: { version: 1, keys: ["net.netfilter.nf_conntrack_udp_timeout"] } },
 *   tune: async (_node, _config, { sysctl }) => {
 *     await sysctl.set("net.netfilter.nf_conntrack_udp_timeout", 60);
 *   },
 * });
 * const sysctl = fakeSysctls({ "net.netfilter.nf_conntrack_udp_timeout": 30 });
 * await using tuner = await loopback(plugin, { sysctl: sysctl.files });
 * await tuner.call("tune", { node: { name: "n1", cpus: 4 }, config: {} });
 * assert.deepEqual(sysctl.writes, ["net.netfilter.nf_conntrack_udp_timeout=60"]);
 * ```
 */
export function fakeSysctls(values: Partial<Readonly<Record<SysctlKey, number>>>): FakeSysctls {
  const keys = new Map(SYSCTL_KEYS.map((key) => [settingPath(key), key]));
  const held = new Map(
    SYSCTL_KEYS.flatMap((key) => values[key] === undefined ? [] : [[key, values[key]] as const]),
  );
  const refused = new Map<SysctlKey, string>();
  const writes: string[] = [];
  const present = (path: string): SysctlKey => {
    const key = keys.get(path);
    if (key === undefined || !held.has(key)) {
      throw new SystemCallError(`open ${path}`, errnoOf("ENOENT"));
    }
    return key;
  };
  return {
    files: {
      read: (path) => `${held.get(present(path))}\n`,
      write: (path, text) => {
        const key = present(path);
        const errno = refused.get(key);
        if (errno !== undefined) throw new SystemCallError(`open ${path}`, errnoOf(errno));
        writes.push(`${key}=${text}`);
        held.set(key, Number(text));
      },
    },
    values: held,
    writes,
    refuse(key, errno) {
      if (errno === undefined) refused.delete(key);
      else refused.set(key, errno);
    },
  };
}
