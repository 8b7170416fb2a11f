/**
 * Looks into the folder of manifests: which files are there, and what is in them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { messageOf } from "../../../schemas/errors.ts";

/** What a file held at a look. */
export type FileContent =
  | { readonly ok: true; readonly digest: string; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly digest: string; readonly reason: string };

/** What one look saw. */
export type Look =
  | {
    readonly there: true;
    /** Tells one folder from another that has taken its name. */
    readonly identity: string;
    readonly files: ReadonlyMap<string, FileContent>;
  }
  | { readonly there: false; readonly reason: string };

/**
 * Tells whether a name is that of a manifest. Hidden entries are not: a ConfigMap volume keeps its
 * versions in `..data` and others, and editors their swap files.
 *
 * @param name An entry of the folder.
 * @returns True for `web.yaml`, `web.yml` and `web.json`.
 */
export function isManifestName(name: string): boolean {
  return !name.startsWith(".") && /\.(yaml|yml|json)$/.test(name);
}

async function readContent(path: string): Promise<FileContent | undefined> {
  try {
    // A symbolic link counts as what it leads to: a ConfigMap volume consists of them.
    if (!(await Deno.stat(path)).isFile) return undefined;
    const bytes = await Deno.readFile(path);
    return { ok: true, digest: createHash("sha256").update(bytes).digest("hex"), bytes };
  } catch (thrown) {
    const reason = messageOf(thrown);
    return { ok: false, digest: `unreadable: ${reason}`, reason };
  }
}

/**
 * Looks into a folder once, without its subfolders.
 *
 * @param directory Its path.
 * @returns Its manifests and their content, or why it cannot be looked into.
 */
export async function look(directory: string): Promise<Look> {
  try {
    const { dev, ino } = await Deno.stat(directory);
    const names: string[] = [];
    for await (const entry of Deno.readDir(directory)) {
      if (!entry.isDirectory && isManifestName(entry.name)) names.push(entry.name);
    }
    const files = new Map<string, FileContent>();
    for (const name of names.sort()) {
      const content = await readContent(`${directory}/${name}`);
      if (content !== undefined) files.set(name, content);
    }
    return { there: true, identity: `${dev}:${ino}`, files };
  } catch (thrown) {
    return { there: false, reason: messageOf(thrown) };
  }
}

/**
 * Compares two looks.
 *
 * @param one A look.
 * @param other A later one.
 * @returns True when nothing has changed in between.
 */
export function sameLook(one: Look, other: Look): boolean {
  if (!one.there || !other.there) return one.there === other.there;
  if (one.files.size !== other.files.size) return false;
  for (const [name, content] of one.files) {
    if (other.files.get(name)?.digest !== content.digest) return false;
  }
  return true;
}
