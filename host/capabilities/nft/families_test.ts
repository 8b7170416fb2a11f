/** What the kernel can do, asked of the real one. */
import assert from "node:assert/strict";
import { NETLINK, NetlinkSocket } from "../netlink.ts";
import { NetworkNamespace } from "../namespace.ts";
import { probeFamilies } from "./families.ts";
import { readGeneration } from "./generation.ts";
import { NftKernel } from "./kernel.ts";

/** NFNLGRP_NFTABLES. */
const NFT_GROUP = 7;

const openIn = (namespace: NetworkNamespace) => () =>
  namespace.inside(() => new NftKernel({ now: () => performance.now() }));

Deno.test("a kernel with both families serves both, and nobody sees that it was asked", async () => {
  using namespace = NetworkNamespace.create("node");
  const [listener, questions] = namespace.inside(() => [
    new NetlinkSocket(NETLINK.NETFILTER),
    new NetlinkSocket(NETLINK.NETFILTER),
  ]);
  assert.ok(listener !== undefined && questions !== undefined);
  listener.join(NFT_GROUP);
  const generation = readGeneration(questions);
  const support = await probeFamilies({ open: openIn(namespace) });
  assert.deepEqual(support, { working: ["IPv4", "IPv6"], lacking: {} });
  assert.equal(readGeneration(questions), generation, "nothing was committed");
  assert.deepEqual(listener.receive(), { type: "nothing" }, "nobody was told");
  listener.close();
  questions.close();
});

Deno.test("a family without packets is not served, and it is said why", async () => {
  using namespace = NetworkNamespace.create("node");
  const support = await probeFamilies({
    open: openIn(namespace),
    packets: (family) => family === "IPv6" ? "it has no IPv6" : undefined,
  });
  assert.deepEqual(support, { working: ["IPv4"], lacking: { IPv6: "it has no IPv6" } });
});

/** A kernel whose IPv6 is the bridge family, which no kernel translates addresses of. */
class KernelWithoutNat extends NftKernel {
  override commit(messages: Uint8Array<ArrayBuffer>, count: number): Promise<void> {
    const view = new DataView(messages.buffer);
    for (let at = 0; at < messages.length; at += view.getUint32(at, true)) {
      if (messages[at + 16] === 10) messages[at + 16] = 7;
    }
    return super.commit(messages, count);
  }
}

Deno.test("a family whose addresses nf_tables cannot translate is not served, with the remedy", async () => {
  using namespace = NetworkNamespace.create("node");
  const open = () => namespace.inside(() => new KernelWithoutNat({ now: () => performance.now() }));
  const { working, lacking } = await probeFamilies({ open });
  assert.deepEqual(working, ["IPv4"]);
  assert.match(lacking.IPv6 ?? "", /cannot translate IPv6 \(E\w+\): load the module nft_chain_nat/);
});
