/**
 * The virtual machine's command line. Pure.
 *
 * @module
 */

/** What differs from machine to machine. */
export interface MachineOptions {
  /** The kernel's image. */
  readonly kernel: string;
  /** The first file system's image. */
  readonly initramfs: string;
  /** The socket of virtiofsd, which hands out the host's root file system. */
  readonly fileSystem: string;
  /** Where what the kernel says goes. */
  readonly console: string;
  /** Where the reports go. */
  readonly reports: string;
  /** Whether the host's processor runs the guest's instructions; else they are emulated. */
  readonly accelerated: boolean;
  /** How many processors the guest gets. */
  readonly processors: number;
  /** Words of the kernel's command line besides the usual ones. */
  readonly kernelParameters: readonly string[];
}

/** MiB; the guest takes of it what it uses. */
const MEMORY = 2048;

/**
 * A processor without AVX: what V8 and the C library do with wide registers is what emulation does
 * worst. Deno starts in a fifth less time than with `max`.
 */
const EMULATED = ["-accel", "tcg,thread=multi", "-cpu", "Nehalem"];
const ACCELERATED = ["-accel", "kvm", "-cpu", "host"];

/**
 * On the kernel's command line, by which tests know that they are in this machine. Nothing reads
 * it but them: to the kernel a word with a dot is a parameter of a module, which it has not.
 */
export const MARK = "weir.tests=1";

/** With panic=-1 and -no-reboot a guest that panics ends, at once. */
const KERNEL_PARAMETERS = [
  ...["console=ttyS0", "panic=-1", "mitigations=off", "nokaslr", "tsc=reliable", "no_timer_check"],
  MARK,
];

/** What the tests say comes out of the machine's standard output, at this port of the guest. */
export const SPOKEN_PORT = 1;
/** What became of the tests comes out at this one. */
export const REPORT_PORT = 2;

/**
 * The command that runs the machine until it is switched off. It has no disk and no network.
 *
 * @param options Where everything is.
 * @returns Its words.
 */
export function machineCommand(options: MachineOptions): string[] {
  return [
    "qemu-system-x86_64",
    ...["-M", "q35", ...(options.accelerated ? ACCELERATED : EMULATED)],
    ...["-smp", String(options.processors), "-m", String(MEMORY)],
    // virtiofsd reads and writes the guest's memory (vhost-user), so both map it.
    ...["-object", `memory-backend-memfd,id=memory,size=${MEMORY}M,share=on`],
    ...["-numa", "node,memdev=memory"],
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-serial", `file:${options.console}`],
    ...["-chardev", `socket,id=root,path=${options.fileSystem}`],
    ...["-device", "vhost-user-fs-pci,chardev=root,tag=host"],
    ...["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"],
    ...["-chardev", "stdio,id=spoken,signal=off"],
    ...["-device", `virtserialport,chardev=spoken,nr=${SPOKEN_PORT}`],
    ...["-chardev", `file,id=reports,path=${options.reports}`],
    ...["-device", `virtserialport,chardev=reports,nr=${REPORT_PORT}`],
    ...["-kernel", options.kernel, "-initrd", options.initramfs],
    ...["-append", [...KERNEL_PARAMETERS, ...options.kernelParameters].join(" ")],
  ];
}

/**
 * The command that hands out the host's root file system to the machine.
 *
 * @param program virtiofsd's path.
 * @param socket Where the machine finds it.
 * @returns Its words.
 */
export function fileSystemCommand(program: string, socket: string): string[] {
  return [
    program,
    `--socket-path=${socket}`,
    ...["-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot"],
  ];
}

/**
 * Whether the processor can run guests. /dev/kvm alone proves nothing: some hosts have one that
 * runs no ordinary kernel.
 *
 * @param device Whether /dev/kvm is there.
 * @param processors The text of /proc/cpuinfo.
 * @returns True with the device and a processor that says so.
 */
export function runsGuests(device: boolean, processors: string): boolean {
  return device && /^flags\s*:.*\b(vmx|svm)\b/m.test(processors);
}
