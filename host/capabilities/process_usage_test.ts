import assert from "node:assert/strict";
import { systemUsage } from "./process_usage.ts";

Deno.test("open files are counted, and what traffic there was", async () => {
  const before = systemUsage();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const server = await listener.accept();
  await client.write(new Uint8Array(1000));
  await server.read(new Uint8Array(1000));
  const during = systemUsage();
  assert.equal(during.openFiles, before.openFiles + 3);
  assert.ok(during.receivedBytes >= before.receivedBytes + 1000);
  assert.ok(during.sentBytes >= before.sentBytes + 1000);
  for (const open of [client, server, listener]) open.close();
  assert.equal(systemUsage().openFiles, before.openFiles);
});

Deno.test("the address space and the limits are those of the process", () => {
  const { virtualBytes, virtualBytesMax, openFilesMax } = systemUsage();
  // V8 reserves gigabytes for its cages.
  assert.ok(virtualBytes > 1 << 30, String(virtualBytes));
  assert.ok(virtualBytesMax >= virtualBytes);
  assert.ok(openFilesMax >= 256, String(openFilesMax));
});
