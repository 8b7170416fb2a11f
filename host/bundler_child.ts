/**
 * A program of its own: bundles the module at its first argument for a sandbox and writes what it
 * has made to stdout: the source map's length in four bytes, the map, the text. Paths in both are
 * relative to the folder at the second argument. With more arguments (bytes that the map may have,
 * and what may be read) there is a map.
 *
 * `Deno.bundle` reads every file with this process's permissions, whereas the `deno bundle`
 * command reads whatever its user may. A module graph cannot tell beforehand what that will be:
 * `import("../" + name)` takes in every file that matches, and which it is shows only when the
 * bundler looks.
 *
 * The map is another matter: for it esbuild, a program of its own that Deno's permissions do not
 * bind, opens what a script names in `//# sourceMappingURL=`. So there is no map where the kernel
 * cannot keep it from doing so.
 *
 * @module
 */
import { readBeneathOnly } from "./capabilities/landlock.ts";
import { originalLines } from "./sandbox/emitted_lines.ts";

const [entry = "", home = "", most = "0", ...readable] = Deno.args;

function isConfined(): boolean {
  if (readable.length === 0) return false;
  // npm's settings say from which registry packages are, which is where Deno keeps them by.
  return readBeneathOnly([...readable, `${Deno.env.get("HOME")}/.npmrc`]);
}

/** A source map as esbuild writes it, as far as it is read. */
interface Written {
  readonly sources: readonly string[];
  readonly sourcesContent: readonly string[];
  readonly mappings: string;
}

/** How lines of what the bundler was given are lines of the file: null if they are the same. */
function linesOf(source: string, given: string): readonly number[] | null {
  let file: string;
  try {
    file = Deno.readTextFileSync(new URL(source, home));
  } catch {
    // There is no such file, or none that a plugin may have.
    return [];
  }
  return file === given ? null : originalLines(given, file);
}

/** What weir keeps of a map: not the sources themselves, which are most of it. */
function kept(map: Uint8Array | undefined): Uint8Array {
  if (map === undefined) return new Uint8Array();
  const { sources, sourcesContent, mappings }: Written = JSON.parse(new TextDecoder().decode(map));
  const lines = sources.map((source, at) => linesOf(source, sourcesContent[at] ?? ""));
  const bytes = new TextEncoder().encode(JSON.stringify({ sources, lines, mappings }));
  return bytes.length > Number(most) ? new Uint8Array() : bytes;
}

function write(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

const { success, errors, outputFiles = [] } = await Deno.bundle({
  entrypoints: [entry],
  platform: "browser",
  write: false,
  // Nothing is written there; sources are named from there, as they are in the text.
  ...(isConfined() ? { sourcemap: "external", outputDir: new URL(home).pathname } : {}),
});
const made = (isMap: boolean) =>
  outputFiles.find(({ path }) => path.endsWith(".map") === isMap)?.contents;
const text = made(false);
if (!success || text === undefined) {
  for (const { text, location } of errors) {
    // What Deno says of a missing permission is advice for another reader.
    const [, file] = /^Requires read access to (".*"), run again/.exec(text) ?? [];
    const fault = file === undefined ? text : `it imports ${file}, which is outside of its folder`;
    console.error(location ? `${fault} (${location.file}:${location.line})` : fault);
  }
  Deno.exit(1);
}
const map = kept(made(true));
const length = new Uint8Array(4);
new DataView(length.buffer).setUint32(0, map.length, true);
for (const part of [length, map, text]) write(part);
