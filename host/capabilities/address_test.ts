import assert from "node:assert/strict";
import { AddressWatch, type LocalAddresses } from "./address.ts";
import { createVeth, Links } from "./link.ts";
import { NetworkNamespace } from "./namespace.ts";

/** A namespace whose addresses are watched, with a link `eth0` to another. */
function watched(routes = false) {
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const other = stack.use(NetworkNamespace.create("other"));
  createVeth({ name: "eth0", namespace }, { name: "eth0", namespace: other });
  const links = stack.use(new Links(namespace));
  const far = stack.use(new Links(other));
  const told: LocalAddresses[] = [];
  let heard = () => {};
  const watch = namespace.inside(() =>
    new AddressWatch({
      routes,
      onAddresses: (addresses) => {
        told.push(addresses);
        heard();
      },
      onEnd: (reason) => assert.fail(reason),
    })
  );
  stack.defer(() => watch.close());
  return {
    namespace,
    links,
    far,
    watch,
    told,
    /** Waits until the last word satisfies. */
    until: async (satisfied: (last: LocalAddresses) => boolean) => {
      for (;;) {
        const last = told.at(-1);
        if (last !== undefined && satisfied(last)) return last;
        await new Promise<void>((resolve) => heard = resolve);
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("an empty namespace has no addresses, and that is told", async () => {
  await using node = watched();
  assert.deepEqual(await node.until(() => true), { addresses: [], sources: {} });
});

Deno.test("addresses of both families are told as they come and go", async () => {
  await using node = watched();
  await node.until(() => true);
  node.links.up("lo");
  node.links.addAddress("eth0", "10.9.0.1/24");
  node.links.addAddress("eth0", "10.9.0.7/24");
  node.links.addAddress("eth0", "fd09::1/64");
  const { addresses } = await node.until(({ addresses }) => addresses.includes("fd09::1"));
  assert.deepEqual([...addresses].sort(), ["10.9.0.1", "10.9.0.7", "127.0.0.1", "::1", "fd09::1"]);
  node.links.remove("eth0");
  assert.deepEqual(
    (await node.until(({ addresses }) => addresses.length === 2)).addresses,
    ["127.0.0.1", "::1"],
  );
});

Deno.test("an address that is still checked for duplicates is told of once it answers", async () => {
  await using node = watched();
  node.namespace.sysctl("ipv6/conf/eth0/accept_dad", "1");
  node.namespace.sysctl("ipv6/conf/eth0/dad_transmits", "1");
  node.links.up("eth0");
  node.far.up("eth0");
  const linkLocal = (address: string) => address.startsWith("fe80:");
  const { addresses } = await node.until(({ addresses }) => addresses.some(linkLocal));
  assert.equal(addresses.filter(linkLocal).length, 1);
  // The kernel told of it when it was tentative, a second or two before.
  assert.ok(
    node.told.every((word) => word.addresses.length === 0 || word.addresses.some(linkLocal)),
  );
});

Deno.test("the sources are the addresses that the default routes use", async () => {
  await using node = watched(true);
  const { links, far } = node;
  links.up("eth0");
  far.up("eth0");
  await links.running("eth0");
  for (
    const [near, second, all] of [
      ["10.9.0.1/24", "10.9.0.7/24", "0.0.0.0/0"],
      ["fd09::1/64", "fd09::7/64", "::/0"],
    ] as const
  ) {
    links.addAddress("eth0", near);
    links.addAddress("eth0", second);
    assert.deepEqual(
      (await node.until(({ addresses }) => addresses.length > 0)).sources[
        all === "::/0" ? "IPv6" : "IPv4"
      ],
      undefined,
    );
    links.addRoute({ to: all, link: "eth0", via: near.startsWith("f") ? "fd09::2" : "10.9.0.2" });
  }
  const { sources } = await node.until(({ sources }) =>
    sources.IPv4 !== undefined && sources.IPv6 !== undefined
  );
  assert.equal(sources.IPv4, "10.9.0.1");
  assert.match(sources.IPv6 ?? "", /^fd09::[17]$/);
});

Deno.test("a closed watch tells nothing more", async () => {
  await using node = watched();
  await node.until(() => true);
  await node.watch.close();
  await node.watch.close();
  const before = node.told.length;
  node.links.addAddress("eth0", "10.9.0.1/24");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(node.told.length, before);
});
