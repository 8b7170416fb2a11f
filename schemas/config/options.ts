/**
 * The settings that only the command line has.
 *
 * @module
 */
import * as v from "valibot";
import { checked, field, fields, integer, list, text, unset } from "./field.ts";

const master = checked((url) => {
  const parts = url === "" ? undefined : URL.parse(url);
  return parts === undefined || parts?.protocol === "https:" || parts?.protocol === "http:"
    ? undefined
    : "it is no URL such as https://10.0.0.1:6443";
});

/** klog's severities, from which --stderrthreshold names one by its name or its place. */
export const LOG_SEVERITIES = ["INFO", "WARNING", "ERROR", "FATAL"] as const;

const severity = v.pipe(
  text,
  v.transform((name) =>
    /^[0-3]$/.test(name)
      ? Number(name)
      : LOG_SEVERITIES.findIndex((severity) => severity === name.toUpperCase())
  ),
  v.minValue(0, `it is none of ${LOG_SEVERITIES.join(", ")} or 0 to 3`),
);

const backtraceAt = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const places: { readonly file: string; readonly line: number }[] = [];
    for (const part of dataset.value === "" ? [] : dataset.value.split(",")) {
      const [, file = "", line = ""] = /^([^:,]+):([1-9]\d{0,8})$/.exec(part.trim()) ?? [];
      if (file === "") {
        addIssue({ message: `"${part}" is no place such as sync.ts:42` });
        return NEVER;
      }
      places.push({ file, line: Number(line) });
    }
    return places;
  }),
);

const flag = v.boolean("it is neither true nor false");
const port = integer(0, 65_535);

/** The schema of the options. */
export const OptionsSchema = fields({
  config: field(text, "", "Path of the configuration file."),
  writeConfigTo: field(text, "", "Where to write the configuration."),
  manifests: field(text, "", "Folder of YAML in place of an API server."),
  master: field(master, "", "URL of the API server."),
  initOnly: field(flag, false, "Only do what takes privileges."),
  bootIdFiles: field(list(text), ["/proc/sys/kernel/random/boot_id"], "Files with the boot id."),
  machineIdFiles: field(
    list(text),
    ["/etc/machine-id", "/var/lib/dbus/machine-id"],
    "Files with the machine id.",
  ),
  healthzPort: unset(port, "Port of the health server; 0 disables it."),
  metricsPort: unset(port, "Port of the metrics server; 0 disables it."),
  logFiles: field(
    fields({
      toStderr: field(flag, true, "Log to stderr and not to files."),
      alsoToStderr: field(flag, false, "Log to stderr as well as to files."),
      stderrThreshold: field(severity, "2", "Severity from which lines go to stderr too."),
      directory: field(text, "", "Folder of the log files."),
      file: field(text, "", "The one log file."),
      fileMaxMegabytes: field(integer(0, Number.MAX_SAFE_INTEGER), 1_800, "Its largest size."),
      oneOutput: field(flag, false, "Each line only in its own severity's file."),
      addDirHeader: field(flag, false, "The source file's folder in each line."),
      skipHeaders: field(flag, false, "No headers before lines."),
      skipLogHeaders: field(flag, false, "No headers in new files."),
      backtraceAt: field(backtraceAt, "", "Lines that log a stack trace."),
    }),
    {},
    "klog's files.",
  ),
});

/** What goes into the options. */
export type OptionsInput = v.InferInput<typeof OptionsSchema>;

/** The options with their defaults. */
export type Options = v.InferOutput<typeof OptionsSchema>;
