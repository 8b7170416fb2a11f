/**
 * The files in force: the last good version of each, and which objects they come to together.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import type { KubeObject } from "../../../schemas/kube.ts";
import type { Definition, LoadedFile } from "./file.ts";

/** A version of a file: what is in it, or why it cannot be used. */
export type FileVersion =
  | { readonly ok: true; readonly digest: string; readonly loaded: LoadedFile }
  | { readonly ok: false; readonly digest: string; readonly error: WeirError };

/** A file of the folder. */
export interface ShelvedFile {
  /** Within the folder, as `web.yaml`. */
  readonly name: string;
  /** What it holds now. */
  readonly version: FileVersion;
  /** Its last good content; undefined when it never had one. */
  readonly inForce: LoadedFile | undefined;
  /** Why `version` is not in force; undefined when it is. */
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

function settleFile(
  name: string,
  version: FileVersion,
  inForce: LoadedFile | undefined,
  claims: Map<string, Claim>,
): ShelvedFile {
  if (!version.ok) return { name, version, inForce, error: version.error };
  const { definitions } = version.loaded;
  const error = clash(name, definitions, claims);
  if (error !== undefined) return { name, version, inForce, error };
  for (const { key, line } of definitions) claims.set(key, { file: name, line });
  return { name, version, inForce: version.loaded, error: undefined };
}

/** True when this very version has been in force before: it comes before all newcomers. */
function isIncumbent(
  file: { name: string; version: FileVersion },
  former: ShelvedFile | undefined,
) {
  return former?.error === undefined && former?.version.digest === file.version.digest;
}

/**
 * Puts new versions of the files in force, each whole or not at all.
 *
 * A file that defines what another one defines already is refused, and then its last good version
 * stays. Files that have not changed go first, then the others by name: a new file cannot take an
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
  for (const file of settled) if (file.error === undefined) put(file, () => true);
  // What a refused file had before stays, unless a good one has taken it over meanwhile.
  for (const file of settled) {
    if (file.error !== undefined) put(file, (key) => !claims.has(key) && !objects.has(key));
  }
  return { files: settled, objects };
}
