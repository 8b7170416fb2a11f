import assert from "node:assert/strict";
import * as v from "valibot";
import { OptionsSchema } from "../../../schemas/config/options.ts";
import { DEFAULT_LOG_SETTINGS, idleLogSettings, type LogFileSettings } from "./settings.ts";

const cases: readonly (readonly [Partial<LogFileSettings>, readonly RegExp[]])[] = [
  [{}, []],
  [{ skipHeaders: true, addDirHeader: true, backtraceAt: [{ file: "a.ts", line: 1 }] }, []],
  [{ directory: "/var/log" }, [/--log-dir .* while --logtostderr is true/]],
  [{ alsoToStderr: true, oneOutput: true }, [/--alsologtostderr /, /--one-output /]],
  [{ toStderr: false, directory: "/var/log", oneOutput: true, stderrThreshold: 0 }, []],
  [{ toStderr: false, fileMaxMegabytes: 5 }, [/--log-file-max-size .* without --log-file$/]],
  [{ toStderr: false, file: "/a", fileMaxMegabytes: 5 }, []],
  [{ toStderr: false, file: "/a", directory: "/b", oneOutput: true }, [/--log-dir /, /--one-o/]],
  [{ toStderr: false, alsoToStderr: true, stderrThreshold: 1 }, [/--stderrthreshold .* beside/]],
];

for (const [files, expected] of cases) {
  Deno.test(`of ${JSON.stringify(files)} is said what has no effect`, () => {
    const { files: standard } = DEFAULT_LOG_SETTINGS;
    const idle = idleLogSettings({ ...DEFAULT_LOG_SETTINGS, files: { ...standard, ...files } });
    assert.equal(idle.length, expected.length, idle.join("\n"));
    for (const [index, pattern] of expected.entries()) assert.match(idle[index] ?? "", pattern);
  });
}

Deno.test("a header's flags have no effect on JSON, nor a buffer without split streams", () => {
  const { files, options } = DEFAULT_LOG_SETTINGS;
  const idle = idleLogSettings({
    ...DEFAULT_LOG_SETTINGS,
    format: "json",
    files: { ...files, skipHeaders: true },
    options: { ...options, json: { splitStream: false, infoBufferSize: 1024 } },
  });
  assert.deepEqual(idle, [
    "Flag --skip-headers has no effect with --logging-format=json",
    "Flag --log-json-info-buffer-size has no effect without --log-json-split-stream",
  ]);
});

Deno.test("what has no effect is told from the defaults that the flags have", () => {
  assert.deepEqual(v.parse(OptionsSchema, {}).logFiles, DEFAULT_LOG_SETTINGS.files);
});
