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
import { type SysctlChange, type SysctlKey, SYSCTLS } from "../../../schemas/sysctl.ts";
import type { GrantedCapability } from "../capability.ts";
import { readSetting, type SettingFiles, writeSetting } from "./setting.ts";

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

/** Writes what has another value, or, where the setting is a limit, a lower one. */
function change(key: SysctlKey, value: number, files: SettingFiles): SysctlChange {
  const before = readSetting(key, files);
  const done = SYSCTLS[key].change === "raise" ? before >= value : before === value;
  if (done) return { before, after: before };
  writeSetting(key, value, files);
  return { before, after: readSetting(key, files) };
}

/**
 * Binds the kernel's settings to one plugin's grant.
 *
 * @param grant The settings by name.
 * @param files Where the kernel has them: of the network namespace of the calling thread.
 * @param changed Told of each write that has changed a setting.
 * @returns The capability with the methods `get` and `set` of schemas/capability.ts.
 */
export function sysctlCapability(
  grant: NonNullable<Grants["sysctl"]>,
  files: SettingFiles,
  changed: (key: SysctlKey, change: SysctlChange) => void = () => {},
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
          const made = change(key, value, files);
          if (made.before !== made.after) changed(key, made);
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
