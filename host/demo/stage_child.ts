/**
 * The half of the demo that runs with namespace rights: it plays the story and reports it, one
 * JSON object a line, on stdout. Everything stays up until its stdin ends.
 *
 * @module
 */
import { parse } from "valibot";
import { messageOf } from "../../schemas/errors.ts";
import { messageLine, StageOptionsSchema, type StoryEvent } from "./message.ts";
import { ProgramEnded, Stage } from "./stage.ts";
import { playStory } from "./story.ts";

function report(event: StoryEvent): void {
  const line = messageLine(event);
  for (let at = 0; at < line.length;) at += Deno.stdout.writeSync(line.subarray(at));
}

const now = () => performance.timeOrigin + performance.now();
const sleep = (ms: number) => new Promise<void>((resume) => setTimeout(resume, ms));

async function untilStdinEnds(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
}

async function play(stage: Stage): Promise<void> {
  const faults = await stage.unlessLost(playStory(stage, { report, now, sleep }));
  report({ type: "finished", faults: [...faults] });
  // Until the end of stdin only the loss of a program is news.
  await stage.unlessLost(new Promise<never>(() => {}));
}

const ended = untilStdinEnds();
let stage: Stage | undefined;
try {
  const options = parse(StageOptionsSchema, JSON.parse(Deno.args[0] ?? ""));
  const started = now();
  stage = await Stage.open(options);
  report({ type: "built", ms: now() - started, pods: stage.pods.map(({ name }) => name) });
  await Promise.race([ended, play(stage)]);
} catch (thrown) {
  const log = thrown instanceof ProgramEnded ? [...thrown.log] : [];
  report({ type: "broken", why: messageOf(thrown), log });
} finally {
  await stage?.close();
}
Deno.exit(0);
