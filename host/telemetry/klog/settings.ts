/**
 * What of the configuration concerns the log, and what of it has no effect.
 *
 * @module
 */

import type { LogFiles, LoggingConfig, LogOutput } from "../../../schemas/config.ts";

/** Everything about the log. */
export type LogSettings = LoggingConfig;

/** A verbosity of its own for the files that a pattern names. */
export type ModuleRule = LoggingConfig["vmodule"][number];

/** How a format uses the two standard streams. */
export type StreamSettings = LogOutput;

/** klog's flags for files, as kube-proxy had them until 1.25. */
export type LogFileSettings = LogFiles;

/** klog's and component-base's defaults. */
export const DEFAULT_LOG_SETTINGS: LogSettings = {
  format: "text",
  flushFrequency: 5_000,
  verbosity: 0,
  vmodule: [],
  options: {
    text: { splitStream: false, infoBufferSize: 0 },
    json: { splitStream: false, infoBufferSize: 0 },
  },
  files: {
    toStderr: true,
    alsoToStderr: false,
    stderrThreshold: 2,
    directory: "",
    file: "",
    fileMaxMegabytes: 1800,
    oneOutput: false,
    addDirHeader: false,
    skipHeaders: false,
    skipLogHeaders: false,
    backtraceAt: [],
  },
};

/**
 * Finds what was asked for and does nothing beside the rest, which klog only says in its help.
 *
 * @param settings Everything about the log.
 * @returns One sentence for each.
 */
export function idleLogSettings(settings: LogSettings): string[] {
  const { files, format } = settings;
  const standard = DEFAULT_LOG_SETTINGS.files;
  const idle: string[] = [];
  const check = (fields: Readonly<Partial<Record<keyof LogFileSettings, string>>>, why: string) => {
    for (const [field, flag] of Object.entries(fields)) {
      const key = field as keyof LogFileSettings;
      if (files[key] !== standard[key]) idle.push(`Flag --${flag} has no effect ${why}`);
    }
  };
  if (files.toStderr) {
    check({
      directory: "log-dir",
      file: "log-file",
      fileMaxMegabytes: "log-file-max-size",
      alsoToStderr: "alsologtostderr",
      stderrThreshold: "stderrthreshold",
      oneOutput: "one-output",
      skipLogHeaders: "skip-log-headers",
    }, "while --logtostderr is true, its default: add --logtostderr=false to log to files");
  } else if (files.file === "") {
    check({ fileMaxMegabytes: "log-file-max-size" }, "without --log-file");
  } else {
    check({ directory: "log-dir", oneOutput: "one-output" }, "beside --log-file");
  }
  if (!files.toStderr && files.alsoToStderr) {
    check({ stderrThreshold: "stderrthreshold" }, "beside --alsologtostderr");
  }
  if (format === "json") {
    check({
      addDirHeader: "add-dir-header",
      skipHeaders: "skip-headers",
      skipLogHeaders: "skip-log-headers",
    }, "with --logging-format=json");
  }
  const { splitStream, infoBufferSize } = settings.options[format];
  if (infoBufferSize > 0 && !splitStream) {
    idle.push(
      `Flag --log-${format}-info-buffer-size has no effect without --log-${format}-split-stream`,
    );
  }
  return [...new Set(idle)];
}
