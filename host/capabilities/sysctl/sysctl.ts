/**
 * The capability `sysctl`: a plugin reads and writes the settings of the kernel that it was
 * granted, by name and as integers, so that it can name no file and write no text.
 *
 * @module
 */
import * as v from "valibot";
import { SysctlGetSchema, SysctlSetSchema } from "../../../schemas/capability.ts";
import { WeirError } from "../../../schemas/errors.ts";
import type { Grants } from "../../../schemas/manifest.ts";
import {
  type SysctlChange,
  type SysctlFailure,
  type SysctlKey,
  SYSCTLS,
} from "../../../schemas/sysctl.ts";
import type { GrantedCapability } from "../capability.ts";
import { errnoOf } from "../errno.ts";
import { readSetting, type SettingFiles, writeSetting } from "./setting.ts";

const ENOMEM = errnoOf("ENOMEM");

function exceeded(method: string, state: string): WeirError {
  return new WeirError("WEIR_GRANT_EXCEEDED", `Cannot call method "sysctl.${method}": ${state}`);
}

function parsed<Output>(
  method: string,
  schema: v.GenericSchema<unknown, Output>,
  params: unknown,
): Output {
  const result = v.safeParse(schema, params, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw exceeded(method, `${v.getDotPath(issue) ?? "its parameters"}: ${issue.message}`);
}

/** What a capability stands on besides the kernel. */
export interface SysctlOptions {
  /** Told of each write that has changed a setting. */
  readonly changed?: (key: SysctlKey, change: SysctlChange) => void;
  /**
   * The most entries that a setting which is a number of them may be raised to; whatever its row
   * allows when absent.
   */
  readonly mostEntries?: () => number;
}

/** No memory of the machine is a plugin's to take: 2³¹ buckets would be 16 GiB at once. */
function refuseMore(key: SysctlKey, value: number, most: number): void {
  if (value <= most) return;
  const reason =
    `so many entries are more than this machine's memory is for, the most is ${most}; ` +
    "who wants more gives conntrack.min in the configuration";
  const failure: SysctlFailure = { key, errno: ENOMEM, name: "ENOMEM", reason };
  const message = `Cannot set sysctl "${key}" to ${value}: ${reason}`;
  throw new WeirError("WEIR_SYSCTL", message, { cause: failure });
}

/** Writes what has another value, or, where the setting is a limit, a lower one. */
function change(
  key: SysctlKey,
  value: number,
  files: SettingFiles,
  { mostEntries }: SysctlOptions,
): SysctlChange {
  const raised = SYSCTLS[key].change === "raise";
  const before = readSetting(key, files);
  if (raised ? before >= value : before === value) return { before, after: before };
  if (raised && mostEntries !== undefined) refuseMore(key, value, mostEntries());
  writeSetting(key, value, files);
  return { before, after: readSetting(key, files) };
}

/**
 * Binds the kernel's settings to one plugin's grant.
 *
 * @param grant The settings by name.
 * @param files Where the kernel has them: of the network namespace of the calling thread.
 * @param options Who is told, and how much memory its settings may cost.
 * @returns The capability with the methods `get` and `set` of schemas/capability.ts.
 */
export function sysctlCapability(
  grant: NonNullable<Grants["sysctl"]>,
  files: SettingFiles,
  options: SysctlOptions = {},
): GrantedCapability {
  const granted: ReadonlySet<string> = new Set(grant.keys);
  let state: "open" | "closed" = "open";
  const check = (method: string, key: SysctlKey) => {
    if (!granted.has(key)) {
      throw exceeded(method, `key: ${key} is not granted, granted are ${grant.keys.join(", ")}`);
    }
  };
  return {
    // Async: whatever is thrown rejects. Nothing is awaited between a read and its write, so that
    // no other plugin's falls between them.
    // deno-lint-ignore require-await
    async invoke(method, params, attachment) {
      if (state === "closed") throw exceeded(method, "the plugin's grant was withdrawn");
      if (attachment.length > 0) throw exceeded(method, `${attachment.length} bytes are attached`);
      switch (method) {
        case "get": {
          const { key } = parsed(method, SysctlGetSchema, params);
          check(method, key);
          return { value: { value: readSetting(key, files) } };
        }
        case "set": {
          const { key, value } = parsed(method, SysctlSetSchema, params);
          check(method, key);
          const { least, most } = SYSCTLS[key];
          if (value < least || value > most) {
            throw exceeded(method, `value: ${value} of ${key} is not within ${least} to ${most}`);
          }
          const made = change(key, value, files, options);
          if (made.before !== made.after) options.changed?.(key, made);
          return { value: made };
        }
        default:
          throw exceeded(method, "there are get and set");
      }
    },
    close() {
      state = "closed";
    },
  };
}
