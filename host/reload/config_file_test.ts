import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { followConfigFile } from "./config_file.ts";

/** Milliseconds within which a change must have been noticed. */
const SOON = 2_000;

/** A folder with a file that is followed. */
async function follow(file: string, pollInterval?: number) {
  const folder = await Deno.makeTempDir({ prefix: "weir-config-" });
  const path = `${folder}/${file}`;
  const controller = new AbortController();
  const seen: string[] = [];
  const read = () => Deno.readTextFile(path).catch(() => "missing");
  const options = pollInterval === undefined ? {} : { pollInterval };
  let running: Promise<void> | undefined;
  return {
    folder,
    path,
    seen,
    start() {
      running = followConfigFile(
        { path, readText: Deno.readTextFile, clock: systemClock, ...options },
        async (changed) => {
          if (changed) seen.push(await read());
        },
        controller.signal,
      );
    },
    /** Fails unless this was seen last within two seconds; returns after how many milliseconds. */
    async sees(content: string): Promise<number> {
      const began = performance.now();
      while (seen.at(-1) !== content) {
        assert.ok(performance.now() - began < SOON, `${content} was not seen, but ${seen}`);
        await new Promise((resume) => setTimeout(resume, 5));
      }
      return performance.now() - began;
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await running;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Swaps a ConfigMap volume to another version, as the kubelet's atomic writer does. */
async function swap(folder: string, version: number, content: string): Promise<void> {
  const data = `..2026_11_27_${version}`;
  await Deno.mkdir(`${folder}/${data}`);
  await Deno.writeTextFile(`${folder}/${data}/config.yaml`, content);
  await Deno.symlink(data, `${folder}/..data_tmp`);
  const former = await Deno.readLink(`${folder}/..data`).catch(() => undefined);
  await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
  if (former !== undefined) await Deno.remove(`${folder}/${former}`, { recursive: true });
}

Deno.test("twenty swaps of a ConfigMap volume are each seen within two seconds", async () => {
  await using scene = await follow("config.yaml");
  await swap(scene.folder, 0, "v0");
  await Deno.symlink("..data/config.yaml", scene.path);
  scene.start();
  await scene.sees("v0");
  for (let version = 1; version <= 20; version++) {
    await swap(scene.folder, version, `v${version}`);
    await scene.sees(`v${version}`);
  }
  assert.equal(scene.seen.length, 21);
});

Deno.test("a file is followed when it is written, renamed over, deleted and made again", async () => {
  await using scene = await follow("weir.yaml");
  await Deno.writeTextFile(scene.path, "one");
  scene.start();
  await scene.sees("one");
  await Deno.writeTextFile(scene.path, "two");
  await scene.sees("two");
  await Deno.writeTextFile(`${scene.folder}/.weir.yaml.swp`, "three");
  await Deno.rename(`${scene.folder}/.weir.yaml.swp`, scene.path);
  await scene.sees("three");
  await Deno.remove(scene.path);
  await scene.sees("missing");
  await Deno.writeTextFile(scene.path, "four");
  await scene.sees("four");
});

Deno.test("a file whose folder is replaced is followed there", async () => {
  await using scene = await follow("sub/weir.yaml");
  await Deno.mkdir(`${scene.folder}/sub`);
  await Deno.writeTextFile(scene.path, "one");
  scene.start();
  await scene.sees("one");
  await Deno.mkdir(`${scene.folder}/next`);
  await Deno.writeTextFile(`${scene.folder}/next/weir.yaml`, "two");
  await Deno.rename(`${scene.folder}/sub`, `${scene.folder}/former`);
  await Deno.rename(`${scene.folder}/next`, `${scene.folder}/sub`);
  await scene.sees("two");
  await Deno.writeTextFile(scene.path, "three");
  await scene.sees("three");
});

Deno.test("a link to a file elsewhere, of which nothing rings, is seen by the poll", async () => {
  await using scene = await follow("link.yaml");
  await Deno.mkdir(`${scene.folder}/elsewhere`);
  await Deno.writeTextFile(`${scene.folder}/elsewhere/weir.yaml`, "one");
  await Deno.symlink("elsewhere/weir.yaml", scene.path);
  scene.start();
  await scene.sees("one");
  await Deno.writeTextFile(`${scene.folder}/elsewhere/weir.yaml`, "two");
  await scene.sees("two");
});

Deno.test("a file that is written in pieces is taken once it stands still", async () => {
  await using scene = await follow("weir.yaml");
  await Deno.writeTextFile(scene.path, "whole");
  scene.start();
  await scene.sees("whole");
  const file = await Deno.open(scene.path, { write: true, truncate: true });
  for (const part of ["pie", "ces", " of it"]) {
    await file.write(new TextEncoder().encode(part));
    await new Promise((resume) => setTimeout(resume, 20));
  }
  file.close();
  await scene.sees("pieces of it");
  assert.deepEqual(scene.seen, ["whole", "pieces of it"]);
});

Deno.test("the same content written anew is no change", async () => {
  await using scene = await follow("weir.yaml", 50);
  await Deno.writeTextFile(scene.path, "one");
  scene.start();
  await scene.sees("one");
  await Deno.writeTextFile(scene.path, "one");
  await new Promise((resume) => setTimeout(resume, 300));
  assert.deepEqual(scene.seen, ["one"]);
});

Deno.test("a file to whose folder Deno may not listen is seen by the poll", async () => {
  const controller = new AbortController();
  let content = "one";
  const seen: string[] = [];
  const readText = (path: string) => Promise.resolve(`${path} ${content}`);
  // A folder that is not there is one that cannot be listened to.
  const path = "/nowhere/weir.yaml";
  const running = followConfigFile(
    { path, readText, clock: systemClock, pollInterval: 20, settleTime: 5 },
    async (changed) => {
      if (changed) seen.push(await readText(path));
      if (seen.length === 2) controller.abort();
      content = "two";
    },
    controller.signal,
  );
  await running;
  assert.deepEqual(seen, [`${path} one`, `${path} two`]);
});
