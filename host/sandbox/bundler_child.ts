/**
 * A program of its own: bundles the module at its one argument for a sandbox and writes the text
 * to stdout.
 *
 * `Deno.bundle` reads every file with this process's permissions, whereas the `deno bundle`
 * command reads whatever its user may. A module graph cannot tell beforehand what that will be:
 * `import("../" + name)` takes in every file that matches, and which it is shows only when the
 * bundler looks.
 *
 * @module
 */

const [entry = ""] = Deno.args;
const { success, errors, outputFiles = [] } = await Deno.bundle({
  entrypoints: [entry],
  platform: "browser",
  write: false,
});
const text = outputFiles[0]?.contents;
if (!success || text === undefined) {
  for (const { text, location } of errors) {
    // What Deno says of a missing permission is advice for another reader.
    const [, file] = /^Requires read access to (".*"), run again/.exec(text) ?? [];
    const fault = file === undefined ? text : `it imports ${file}, which is outside of its folder`;
    console.error(location ? `${fault} (${location.file}:${location.line})` : fault);
  }
  Deno.exit(1);
}
for (let written = 0; written < text.length;) {
  written += Deno.stdout.writeSync(text.subarray(written));
}
