/**
 * Which machine this is, and which of its boots: what tells two nodes of one name apart in a log.
 *
 * @module
 */

/** The texts that name a machine and its boot. */
export interface MachineIds {
  /** "" when no file of the list has it, as in a container without /etc/machine-id. */
  readonly machineId: string;
  /** Another after every boot. */
  readonly bootId: string;
}

/** The first file of a list that can be read and is not empty. */
function firstOf(
  paths: readonly string[],
  read: (path: string) => string,
): string {
  for (const path of paths) {
    try {
      const text = read(path).trim();
      if (text !== "") return text;
    } catch {
      // It is not there, or not ours to read: the next of the list may be.
    }
  }
  return "";
}

/**
 * Reads the ids.
 *
 * @param files Where they may be, in the order in which they are tried.
 * @param read Reads a file.
 * @returns The ids.
 */
export function readMachineIds(
  files: { readonly machineIdFiles: readonly string[]; readonly bootIdFiles: readonly string[] },
  read: (path: string) => string,
): MachineIds {
  return {
    machineId: firstOf(files.machineIdFiles, read),
    bootId: firstOf(files.bootIdFiles, read),
  };
}
