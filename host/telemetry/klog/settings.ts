/**
 * What of the configuration concerns the log, and what of it has no effect.
 *
 * @module
 */

/** A verbosity of its own for the files that a pattern names. */
export interface ModuleRule {
  /** A file's name without extension, or several parts of its path; with `*`, `?` and `[a-z]`. */
  readonly filePattern: string;
  /** As -v. */
  readonly verbosity: number;
}

/** How a format uses the two standard streams. */
export interface StreamSettings {
  /** Whether what is no error goes to the standard output, not to the standard error. */
  readonly splitStream: boolean;
  /** Bytes to gather before they are written to the standard output; 0 writes each line at once. */
  readonly infoBufferSize: number;
}

/** klog's flags for files, as kube-proxy had them until 1.25. */
export interface LogFileSettings {
  /** Whether to log to the standard error and to no file. */
  readonly toStderr: boolean;
  /** Whether to log to the standard error besides the files. */
  readonly alsoToStderr: boolean;
  /** The severity from which a line goes to the standard error besides the files: 0 to 3. */
  readonly stderrThreshold: number;
  /** The folder of one file for each severity; "" is /tmp, as in klog. */
  readonly directory: string;
  /** The one file of all severities, which comes before the folder; "" when there is none. */
  readonly file: string;
  /** Mebibytes that the one file may have; 0 is no limit. */
  readonly fileMaxMegabytes: number;
  /** Whether a line is only in the file of its own severity, not also in those below. */
  readonly oneOutput: boolean;
  /** Whether a line's place is `folder/file.ts:1`, not `file.ts:1`. */
  readonly addDirHeader: boolean;
  /** Whether lines have no header. */
  readonly skipHeaders: boolean;
  /** Whether files do not begin with a few lines about themselves. */
  readonly skipLogHeaders: boolean;
  /** The places that show a stack trace when they log. */
  readonly backtraceAt: readonly {
    /** For example `sync.ts`. */
    readonly file: string;
    readonly line: number;
  }[];
}

/** Everything about the log. */
export interface LogSettings {
  readonly format: "text" | "json";
  /** Milliseconds after which what is gathered is written, and what is written is on disk. */
  readonly flushFrequency: number;
  /** klog's -v: 0 and up. */
  readonly verbosity: number;
  /** The first that matches a file counts. */
  readonly vmodule: readonly ModuleRule[];
  readonly options: { readonly text: StreamSettings; readonly json: StreamSettings };
  readonly files: LogFileSettings;
}

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
