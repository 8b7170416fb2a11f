/**
 * The guest's kernel: Debian's for clouds, which has little but virtio and all of netfilter. It is
 * fetched and unpacked, not installed.
 *
 * @module
 */
import { moduleFiles } from "./initramfs.ts";

/** Of whatever release is current in this Debian; in Debian 12 that is 6.1. */
const NEWEST = "linux-image-cloud-amd64";
/** What the guest needs to see the host's files and to be heard. */
const MODULES = ["virtio_pci", "virtiofs", "overlay", "virtio_console", "virtio_rng"];

/** An unpacked kernel. */
export interface Kernel {
  /** For example `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  /** Its image. */
  readonly image: string;
  /** The folder of its modules. */
  readonly modules: string;
}

/**
 * Runs a program to its end.
 *
 * @param command Its words.
 * @param folder Its working directory.
 * @returns What it printed.
 * @throws {Error} When it fails, with what it complained of.
 */
export type RunProgram = (command: readonly string[], folder: string) => Promise<string>;

function kernelIn(folder: string, release: string): Kernel {
  return {
    release,
    image: `${folder}/boot/vmlinuz-${release}`,
    modules: `${folder}/lib/modules/${release}`,
  };
}

/**
 * Finds the kernel that an earlier run unpacked, or fetches it.
 *
 * @param folder Where it is kept; an absolute path.
 * @param run Runs apt-cache, apt-get, dpkg and depmod.
 * @param tell Takes a progress line.
 * @returns The kernel.
 * @throws {Error} When Debian's archive cannot be reached.
 */
export async function findKernel(
  folder: string,
  run: RunProgram,
  tell: (line: string) => void,
): Promise<Kernel> {
  try {
    return kernelIn(folder, (await Deno.readTextFile(`${folder}/release`)).trim());
  } catch (fault) {
    if (!(fault instanceof Deno.errors.NotFound)) throw fault;
  }
  await Deno.mkdir(folder, { recursive: true });
  const depends = () => run(["apt-cache", "depends", NEWEST], folder).catch(() => "");
  const named = (text: string) => /^ *Depends: linux-image-(\S+)$/m.exec(text)?.[1];
  let release = named(await depends());
  if (release === undefined) {
    // A fresh container knows of no packages.
    await run(["apt-get", "update", "--quiet", "--quiet"], folder);
    release = named(await depends());
  }
  if (release === undefined) throw new Error(`Cannot find package "${NEWEST}": apt has none`);
  const name = `linux-image-${release}`;
  tell(`Fetching ${name} for the virtual machine`);
  // apt's own user may not write here.
  await run(["apt-get", "--quiet", "-o", "APT::Sandbox::User=root", "download", name], folder);
  for (const { name: file } of [...Deno.readDirSync(folder)]) {
    if (!file.endsWith(".deb")) continue;
    await run(["dpkg", "--extract", file, "."], folder);
    await Deno.remove(`${folder}/${file}`);
  }
  await run(["setpriv", "depmod", "--basedir", folder, release], folder);
  // Last: that it is there says that all is there.
  await Deno.writeTextFile(`${folder}/release`, release);
  return kernelIn(folder, release);
}

/**
 * The modules that the guest's first program loads.
 *
 * @param kernel Whose.
 * @returns Paths of files, in the order in which they are loaded.
 */
export async function firstModules({ modules }: Kernel): Promise<string[]> {
  const read = (name: string) => Deno.readTextFile(`${modules}/${name}`);
  const files = moduleFiles(MODULES, await read("modules.dep"), await read("modules.builtin"));
  return files.map((file) => `${modules}/${file}`);
}
