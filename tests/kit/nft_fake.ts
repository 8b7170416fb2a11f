/**
 * nf_tables in memory: what the kernel does with a plugin's transactions, as far as tables, chains,
 * sets and elements go. It sees the same bytes as the kernel, and no packets.
 *
 * @module
 */
import * as v from "valibot";
import { MessageWriter } from "../../plugins/sdk/nft/bytes.ts";
import { type NftClient, nftClient } from "../../plugins/sdk/nft/client.ts";
import { ELEMENT_LIST, FAMILY, MESSAGE, NLM } from "../../plugins/sdk/nft/constants.ts";
import { type Invoke, type NftFailure, NftListSchema } from "../../schemas/capability.ts";
import type { Grants } from "../../schemas/manifest.ts";
import { elementKey, FakeKernel, type FakeSet, refused } from "./nft_fake_kernel.ts";

/** An nft capability without a kernel. */
export interface FakeNft {
  /** For a plugin's handlers. */
  readonly nft: NftClient;
  /** What stands in for the host. */
  readonly invoke: Invoke;
  /** How many transactions were committed. */
  readonly commits: number;
  /** Makes the next commit fail as the kernel might, once, without any effect. */
  failNext(failure: NftFailure): void;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The elements of a set as the kernel lists them. */
function listElements(
  family: number,
  table: string,
  name: string,
  set: FakeSet,
  { now, keys }: { readonly now: number; readonly keys: ReadonlySet<string> | undefined },
): Uint8Array {
  const writer = new MessageWriter();
  for (const [key, element] of set.elements) {
    if (element.expires <= now || keys?.has(key) === false) continue;
    writer.beginMessage(MESSAGE.NEWSETELEM, NLM.REQUEST, family);
    writer.string(ELEMENT_LIST.TABLE, table);
    writer.string(ELEMENT_LIST.SET, name);
    const list = writer.open(ELEMENT_LIST.ELEMENTS);
    writer.bytes(1, element.bytes);
    writer.close(list);
    writer.endMessage();
  }
  return writer.finish().slice();
}

/** The keys that are asked for, as the fake kernel has them; undefined for all elements. */
function keysOf(attachment: Uint8Array, count: number | undefined): Set<string> | undefined {
  if (count === undefined) return undefined;
  const size = attachment.length / count;
  const keys = Array.from(
    { length: count },
    (_, index) => elementKey(attachment.subarray(index * size, (index + 1) * size)),
  );
  return new Set(keys);
}

function list(
  kernel: FakeKernel,
  granted: string,
  params: unknown,
  attachment: Uint8Array,
): Uint8Array {
  const request = v.parse(NftListSchema, params);
  const family = FAMILY[request.family];
  const table = kernel.find(family, granted);
  if (table === undefined) return new Uint8Array();
  switch (request.what) {
    case "tables":
      return table.bytes;
    case "chains":
      return concatenated([...table.chains.values()].map((chain) => chain.bytes));
    case "rules":
      return concatenated(
        [...table.chains.values()].flatMap((chain) => chain.rules.map((rule) => rule.bytes)),
      );
    case "sets":
      return concatenated([...table.sets.values()].map((set) => set.bytes));
    case "elements": {
      const set = table.sets.get(request.set);
      return set === undefined
        ? new Uint8Array()
        : listElements(family, granted, request.set, set, {
          now: kernel.now(),
          keys: keysOf(attachment, request.keys),
        });
    }
  }
}

/**
 * Makes an nft capability without a kernel.
 *
 * @param grant The table that the plugin may write.
 * @param kernel Whose tables they are; one of its own when absent.
 * @returns The capability.
 *
 * @example A transaction takes effect as a whole or not at all
 * ```ts
 * import { set, table } from "weir";
 * import { fakeNft } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * const { nft } = fakeNft({ version: 1, table: "hello" });
 * const hello = table("ip", "hello");
 * const ips = set(hello, "ips", ["ipv4_addr"]);
 * const tx = nft.transaction();
 * tx.add(hello);
 * tx.add(ips);
 * tx.addElement(ips, "10.0.0.1");
 * await tx.commit();
 * assert.deepEqual(await nft.elements(ips), [{ key: "10.0.0.1", data: "" }]);
 *
 * const bad = nft.transaction();
 * bad.addElement(ips, "10.0.0.2");
 * bad.deleteElement(ips, "10.0.0.3");
 * await assert.rejects(bad.commit(), { errnoName: "ENOENT" });
 * assert.equal((await nft.elements(ips)).length, 1);
 * ```
 */
export function fakeNft(
  grant: NonNullable<Grants["nft"]>,
  kernel: FakeKernel = new FakeKernel(),
): FakeNft {
  let commits = 0;
  let next: NftFailure | undefined;
  const invoke: Invoke = async (_capability, method, params, attachment = new Uint8Array()) => {
    if (method === "list") {
      return { value: {}, attachment: list(kernel, grant.table, params, attachment) };
    }
    if (next !== undefined) {
      const failure = next;
      next = undefined;
      throw refused(failure);
    }
    kernel.commit(attachment);
    commits++;
    return { value: {}, attachment: new Uint8Array() };
  };
  return {
    nft: nftClient(grant, invoke),
    invoke,
    get commits() {
      return commits;
    },
    failNext(failure) {
      next = failure;
    },
  };
}
