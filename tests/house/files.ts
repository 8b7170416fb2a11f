/**
 * How files are named, how long they may be, and what lies beside them.
 *
 * @module
 */

/** Path to text. */
export type Tree = ReadonlyMap<string, string>;

/** The rooms whose folders each say what may live in them. */
const ROOM = /^(schemas|host|plugins|tests|examples)(\/|$)/;

/** Folders of data: what is in them is named by what reads it. */
const DATA = /\/(testdata|manifests)(\/|$)/;

/** Words that say nothing of what a file holds. */
const EMPTY_WORDS = /^(utils?|helpers?|manager|common|misc|shared|lib|index)$/;

/** Lines; above it a file is two nouns. */
const LONGEST = 500;

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function isCode(path: string): boolean {
  return /\.tsx?$/.test(path) && !DATA.test(`${folderOf(path)}/`);
}

/**
 * @param tree The repository.
 * @returns One line per file of code that is too long.
 */
export function longFiles(tree: Tree): string[] {
  return [...tree].filter(([path]) => isCode(path)).flatMap(([path, text]) => {
    const lines = text.split("\n").length - 1;
    return lines > LONGEST ? [`${path} has ${lines} lines, at most ${LONGEST}`] : [];
  });
}

/**
 * @param tree The repository.
 * @returns The folders of the rooms that hold code and have no README.md.
 */
export function foldersWithoutReadme(tree: Tree): string[] {
  const folders = new Set<string>();
  for (const path of tree.keys()) {
    if (!isCode(path)) continue;
    for (let folder = folderOf(path); ROOM.test(folder); folder = folderOf(folder)) {
      folders.add(folder);
    }
  }
  return [...folders].filter((folder) => !tree.has(`${folder}/README.md`)).sort();
}

/**
 * @param tree The repository.
 * @returns One line per file of code whose name is not a lower-case noun.
 */
export function badNames(tree: Tree): string[] {
  return [...tree.keys()].filter(isCode).flatMap((path) => {
    const name = baseOf(path).replace(/\.tsx?$/, "");
    if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) return [`${path}: not lower_case.ts`];
    return EMPTY_WORDS.test(name) ? [`${path}: the name says nothing of what it holds`] : [];
  });
}

/**
 * Tests lie beside what they test, under its name: `tracker_test.ts` or, for one aspect of it,
 * `tracker_order_test.ts` beside `tracker.ts`. What crosses rooms is under tests/ and free.
 *
 * @param tree The repository.
 * @returns One line per test that is out of place.
 */
export function strayTests(tree: Tree): string[] {
  return [...tree].filter(([path]) => isCode(path)).flatMap(([path, text]) => {
    if (!path.endsWith("_test.ts")) {
      return /^Deno\.test\(/m.test(text) ? [`${path}: tests live in files named *_test.ts`] : [];
    }
    if (!/^\s*Deno\.test[.(]/m.test(text)) return [`${path}: holds no test`];
    if (path.startsWith("tests/") && !/^tests\/(kit|runner)\//.test(path)) return [];
    const words = baseOf(path).replace(/_test\.ts$/, "").split("_");
    const beside = words.some((_, count) => {
      const tested = `${folderOf(path)}/${words.slice(0, words.length - count).join("_")}`;
      return tree.has(`${tested}.ts`) || tree.has(`${tested}.tsx`);
    });
    return beside ? [] : [`${path}: nothing of that name lies beside it`];
  });
}

/**
 * A plugin's folder is whole: its plugin.ts, a README.md, and a test of it.
 *
 * @param tree The repository.
 * @returns One line per part that lacks.
 */
export function unfinishedPlugins(tree: Tree): string[] {
  const folders = new Set(
    [...tree.keys()].flatMap((path) => /^(plugins\/[^/]+)\//.exec(path)?.[1] ?? [])
      .filter((folder) => folder !== "plugins/sdk"),
  );
  return [...folders].sort().flatMap((folder) =>
    ["plugin.ts", "README.md", "plugin_test.ts"]
      .filter((part) => !tree.has(`${folder}/${part}`))
      .map((part) => `${folder} has no ${part}`)
  );
}

/** What a file that is handed on must not name. The patterns are split so as not to match here. */
const PRIVATE: readonly (readonly [RegExp, string])[] = [
  [new RegExp("(?<![\\w.~-])/(?:root|work|home/\\w+)/"), "a path of someone's machine"],
  [new RegExp("\\.\\./sha" + "red\\b"), "a folder outside the repository"],
  [
    new RegExp(
      "\\bregi" + "stry\\.(?!k8s\\.io)[\\w.-]+\\.(?:com|org|io|net|dev|cloud|local|internal)\\b",
    ),
    "a registry host",
  ],
  [new RegExp("\\b(?:arti" + "factory|nex" + "us|verda" + "ccio)\\b", "i"), "a registry"],
];

/**
 * @param tree The repository.
 * @returns One line per place that names the machine it was written on.
 */
export function privateNames(tree: Tree): string[] {
  return [...tree].flatMap(([path, text]) =>
    text.split("\n").flatMap((line, index) =>
      PRIVATE.filter(([pattern]) => pattern.test(line))
        .map(([, what]) => `${path}:${index + 1} names ${what}`)
    )
  );
}
