/**
 * The files in force: the last good version of each, and which objects they come to together.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import type { KubeObject } from "../../../schemas/kube.ts";
import type { Definition, LoadedFile } from "./file.ts";

/** A version of a file: what is in it, or why nothing of it can be used. */
export type FileVersion =
  | { readonly ok: true; readonly digest: string; readonly loaded: LoadedFile }
  | { readonly ok: false; readonly digest: string; readonly error: WeirError };

/** A file of the folder. */
export interface ShelvedFile {
  /** Within the folder, as `web.yaml`. */
  readonly name: string;
  /** What it holds now. */
  readonly version: FileVersion;
  /** The last good version of each of its objects; undefined when it never had one. */
  readonly inForce: LoadedFile | undefined;
  /** What of `version` is in force: all of it, all but the objects that it refuses, or nothing. */
  readonly standing: "whole" | "part" | "refused";
  /** Why it is not in force as a whole; undefined when it is. */
  readonly error: WeirError | undefined;
}

/** What the files come to. */
export interface Shelf {
  /** Sorted by name. */
  readonly files: readonly ShelvedFile[];
  /** By key, as `Service default/web`. */
  readonly objects: ReadonlyMap<string, KubeObject>;
}

/** A folder without files. */
export const EMPTY_SHELF: Shelf = { files: [], objects: new Map() };

interface Claim {
  readonly file: string;
  readonly line: number;
}

function clash(
  name: string,
  definitions: readonly Definition[],
  claims: ReadonlyMap<string, Claim>,
): WeirError | undefined {
  for (const { key, line } of definitions) {
    const claim = claims.get(key);
    if (claim === undefined) continue;
    const message = `Cannot load manifest "${name}:${line}": ` +
      `${key} is defined in "${claim.file}:${claim.line}" already`;
    return new WeirError("WEIR_MANIFEST_FILE", message);
  }
  return undefined;
}

/** A good version, with what the file had before in place of the objects that it refuses. */
function completed(
  loaded: LoadedFile,
  former: LoadedFile | undefined,
  claims: ReadonlyMap<string, Claim>,
): LoadedFile {
  const { refusal } = loaded;
  if (refusal === undefined || former === undefined) return loaded;
  const kept = former.definitions.filter(({ key }) =>
    refusal.keys.has(key) && !claims.has(key) &&
    !loaded.definitions.some((definition) => definition.key === key)
  );
  return { ...loaded, definitions: [...loaded.definitions, ...kept] };
}

function settleFile(
  name: string,
  version: FileVersion,
  inForce: LoadedFile | undefined,
  claims: Map<string, Claim>,
): ShelvedFile {
  if (!version.ok) return { name, version, inForce, standing: "refused", error: version.error };
  const { definitions, refusal } = version.loaded;
  const error = clash(name, definitions, claims);
  if (error !== undefined) return { name, version, inForce, standing: "refused", error };
  const content = completed(version.loaded, inForce, claims);
  for (const { key, line } of content.definitions) claims.set(key, { file: name, line });
  const standing = refusal === undefined ? "whole" : "part";
  return { name, version, inForce: content, standing, error: refusal?.error };
}

/** True when this very version has been in force before: it comes before all newcomers. */
function isIncumbent(
  file: { name: string; version: FileVersion },
  former: ShelvedFile | undefined,
) {
  return former?.standing !== "refused" && former?.version.digest === file.version.digest;
}

/**
 * Puts new versions of the files in force. Of an object that its file refuses the last good version
 * stays.
 *
 * A file that defines what another one defines already is refused whole, and then its last good
 * version stays. Files that have not changed go first, then the others by name: a new file cannot take an
 * object from one that serves, while an object may move from file to file in one go.
 *
 * @param former The shelf so far.
 * @param files Every file that is there now.
 * @returns The shelf from now on, its files sorted by name.
 */
export function restock(
  former: Shelf,
  files: readonly { readonly name: string; readonly version: FileVersion }[],
): Shelf {
  const known = new Map(former.files.map((file) => [file.name, file]));
  const rank = (file: { name: string; version: FileVersion }) =>
    isIncumbent(file, known.get(file.name)) ? 0 : 1;
  const byName = (one: { name: string }, other: { name: string }) => one.name < other.name ? -1 : 1;
  const claims = new Map<string, Claim>();
  const settled = files
    .toSorted((one, other) => rank(one) - rank(other) || byName(one, other))
    .map(({ name, version }) => settleFile(name, version, known.get(name)?.inForce, claims))
    .sort(byName);
  const objects = new Map<string, KubeObject>();
  const put = ({ inForce }: ShelvedFile, wanted: (key: string) => boolean) => {
    for (const { key, object } of inForce?.definitions ?? []) {
      if (object !== undefined && wanted(key)) objects.set(key, object);
    }
  };
  for (const file of settled) if (file.standing !== "refused") put(file, () => true);
  // What a refused file had before stays, unless a good one has taken it over meanwhile.
  for (const file of settled) {
    if (file.standing === "refused") put(file, (key) => !claims.has(key) && !objects.has(key));
  }
  return { files: settled, objects };
}
