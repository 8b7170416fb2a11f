import assert from "node:assert/strict";
import { moduleFiles, writeArchive } from "./initramfs.ts";

Deno.test("an archive holds folders and programs, each aligned, and says where it ends", () => {
  const archive = writeArchive([
    { path: "bin" },
    { path: "bin/a", content: new TextEncoder().encode("hello") },
  ]);
  const text = new TextDecoder("latin1").decode(archive);
  const seen: string[] = [];
  for (let at = 0; at < text.length;) {
    const field = (index: number) =>
      parseInt(text.slice(at + 6 + 8 * index, at + 14 + 8 * index), 16);
    assert.equal(text.slice(at, at + 6), "070701");
    const name = text.slice(at + 110, at + 110 + field(11) - 1);
    const body = Math.ceil((at + 110 + field(11)) / 4) * 4;
    seen.push(`${name} ${field(1).toString(8)} ${text.slice(body, body + field(6))}`);
    at = Math.ceil((body + field(6)) / 4) * 4;
  }
  assert.deepEqual(seen, ["bin 40755 ", "bin/a 100755 hello", "TRAILER!!! 0 "]);
});

const INDEX = `kernel/fs/fuse/virtiofs.ko: kernel/fs/fuse/fuse.ko kernel/drivers/virtio/virtio.ko
kernel/fs/fuse/fuse.ko:
kernel/drivers/virtio/virtio.ko:
kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio.ko
`;

Deno.test("what a module needs is loaded before it, once, and what is built in not at all", () => {
  assert.deepEqual(
    moduleFiles(["virtiofs", "virtio_rng", "overlay"], INDEX, "kernel/fs/overlayfs/overlay.ko\n"),
    [
      "kernel/drivers/virtio/virtio.ko",
      "kernel/fs/fuse/fuse.ko",
      "kernel/fs/fuse/virtiofs.ko",
      "kernel/drivers/char/hw_random/virtio-rng.ko.xz",
    ],
  );
});

Deno.test("a module that the kernel lacks is named", () => {
  assert.throws(
    () => moduleFiles(["9p"], INDEX, ""),
    /Cannot load module "9p": the kernel has none/,
  );
});
