import assert from "node:assert/strict";
import { DEFAULT_LOG_SETTINGS } from "./klog/settings.ts";
import { keepLastWords } from "./last_words.ts";
import { openLog } from "./running_log.ts";

/** A log whose news waits in a buffer, in a process that is about to end. */
function endingProcess() {
  const wrote = { stdout: "", stderr: "" };
  const text = { splitStream: true, infoBufferSize: 4096 };
  const running = openLog(
    { ...DEFAULT_LOG_SETTINGS, options: { ...DEFAULT_LOG_SETTINGS.options, text } },
    {
      program: "weir",
      pid: 1,
      host: "node",
      user: () => "root",
      built: "deno",
      stdout: (text) => void (wrote.stdout += text),
      stderr: (text) => void (wrote.stderr += text),
      openFile: () => assert.fail("there are no files"),
      link: () => assert.fail("there are no files"),
      now: () => 0,
      schedule: () => () => {},
    },
  );
  const process = new EventTarget();
  keepLastWords(running, process);
  running.log.info("before");
  assert.equal(wrote.stdout, "");
  return { process, wrote };
}

const error = new Error("no route");
const rejected = Promise.reject("no reason");
rejected.catch(() => {});

const ends: readonly (readonly [string, Event, RegExp])[] = [
  ["its exit", new Event("unload"), /^$/],
  [
    "an error that nobody caught",
    new ErrorEvent("error", { error }),
    /^E.*"Uncaught error" err=<\n\tError: no route\n\t +at .*last_words_test\.ts/,
  ],
  [
    "a promise that nobody looked after",
    new PromiseRejectionEvent("unhandledrejection", { promise: rejected, reason: "no reason" }),
    /^E.*"Uncaught error" err="no reason"\n$/,
  ],
];

for (const [what, event, said] of ends) {
  Deno.test(`before ${what} ends the process, everything logged is written`, () => {
    const { process, wrote } = endingProcess();
    process.dispatchEvent(event);
    assert.match(wrote.stdout, /"before"\n$/);
    assert.match(wrote.stderr, said);
  });
}
