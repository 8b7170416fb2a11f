/**
 * One setting of the kernel: where its file is, and what a refusal means to an operator.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { type SysctlFailure, type SysctlKey, SYSCTLS } from "../../../schemas/sysctl.ts";
import { errnoName } from "../errno.ts";
import { SystemCallError } from "../libc.ts";
import { readSystemFile, writeSystemFile } from "../system_file.ts";

/** The files of the kernel's settings. */
export interface SettingFiles {
  /**
   * Reads one.
   *
   * @param path Absolute.
   * @returns Its text.
   * @throws {SystemCallError} When the kernel refuses.
   */
  readonly read: (path: string) => string;
  /**
   * Writes one.
   *
   * @param path Absolute.
   * @param text All of it.
   * @throws {SystemCallError} When the kernel refuses.
   */
  readonly write: (path: string, text: string) => void;
}

/** The kernel's own, in the network namespace of the calling thread. */
export const KERNEL_SETTINGS: SettingFiles = { read: readSystemFile, write: writeSystemFile };

/**
 * The file of a setting. The names are a fixed list without an interface's name in them, which
 * alone could hold a dot of its own.
 *
 * @param key Its name.
 * @returns Its path.
 */
export function settingPath(key: SysctlKey): string {
  return `/proc/sys/${key.replaceAll(".", "/")}`;
}

/** What a refusal means, and what helps. */
function reasonOf(key: SysctlKey, name: string): string {
  const { module } = SYSCTLS[key];
  switch (name) {
    case "ENOENT":
      return module === ""
        ? "this kernel does not have it"
        : `the kernel module ${module} is not loaded; weir's rules load nf_conntrack, otherwise ` +
          `run \`modprobe ${module}\` on the node`;
    case "EROFS":
      return "/proc/sys is read-only in this container; run weir once with --init-only in a " +
        "privileged init container, or set it on the node by sysctl -w";
    case "EACCES":
    case "EPERM":
      // Global settings can be written from the first network namespace only (Linux 5.13,
      // 671c54ea8c7f), those of a namespace by root of its user namespace.
      return "weir may not change it: that takes root, and for a limit of the whole node the " +
        "node's own network namespace (hostNetwork); run weir once with --init-only in a " +
        "privileged init container, or set it on the node by sysctl -w";
    case "EINVAL":
    case "ERANGE":
      return "the kernel does not take this value";
    case "ENOMEM":
      return "the kernel has not enough memory for it";
    default:
      return `the kernel answered ${name}`;
  }
}

function refusal(action: string, key: SysctlKey, fault: unknown): unknown {
  if (!(fault instanceof SystemCallError)) return fault;
  const name = errnoName(fault.errno);
  const reason = reasonOf(key, name);
  const failure: SysctlFailure = { key, errno: fault.errno, name, reason };
  return new WeirError("WEIR_SYSCTL", `Cannot ${action}: ${reason} (${name})`, { cause: failure });
}

/**
 * Reads a setting.
 *
 * @param key Its name.
 * @param files Where the kernel has it.
 * @returns Its value.
 * @throws {WeirError} WEIR_SYSCTL with a {@linkcode SysctlFailure} when the kernel refuses.
 */
export function readSetting(key: SysctlKey, files: SettingFiles): number {
  try {
    return Number(files.read(settingPath(key)));
  } catch (fault) {
    throw refusal(`read sysctl "${key}"`, key, fault);
  }
}

/**
 * Writes a setting.
 *
 * @param key Its name.
 * @param value An integer.
 * @param files Where the kernel has it.
 * @throws {WeirError} WEIR_SYSCTL with a {@linkcode SysctlFailure} when the kernel refuses: it has
 * not changed then.
 */
export function writeSetting(key: SysctlKey, value: number, files: SettingFiles): void {
  try {
    files.write(settingPath(key), `${value}`);
  } catch (fault) {
    throw refusal(`set sysctl "${key}" to ${value}`, key, fault);
  }
}
