/**
 * The capability `nft`: one plugin's hands on one table.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as v from "valibot";
import { NftCommitSchema, NftListSchema } from "../../../schemas/capability.ts";
import { WeirError } from "../../../schemas/errors.ts";
import type { Grants } from "../../../schemas/manifest.ts";
import type { TraceSpan } from "../../telemetry/trace.ts";
import type { CapabilityAnswer, GrantedCapability } from "../capability.ts";
import { checkBatch, type CheckResult } from "./check.ts";
import { type DeclaredSizes, declareSizes } from "./declared.ts";
import type { CommitRecord, NftKernel } from "./kernel.ts";
import type { TableOwner } from "./mark.ts";

/** The most bytes of one commit: what fits the socket's buffer of 64 MiB beside its overhead. */
const MAX_COMMIT_BYTES = 48 << 20;

/**
 * The most elements that the sets of a table may declare: some 256 MiB of the kernel's memory. A
 * proxier declares twice what it holds, and while it replaces its table, twice that.
 */
const MAX_DECLARED = 1 << 23;
/** Declared elements from which on the kernel's work takes longer than a few milliseconds. */
const LARGE_DECLARED = 1 << 16;

/** Bytes that are looked through in one go: at most some 20 ms. */
const CHECK_BYTES = 1 << 20;

/** Bytes of a key: whole words, at most NFT_DATA_VALUE_MAXLEN. */
const KEY_SIZES: ReadonlySet<number> = new Set(Array.from({ length: 16 }, (_, n) => 4 * (n + 1)));

const NOTHING_DECLARED: DeclaredSizes = new Map();

/** What the capability stands on. */
export interface NftCapabilityOptions {
  /** For whom the table is, which is what its mark says. */
  readonly owner: TableOwner;
  /** nf_tables of the node; shared by all plugins, closed by whoever opened it. */
  readonly kernel: Pick<NftKernel, "commit" | "list" | "declared">;
  /** The most bytes of one commit; 48 MiB when absent. */
  readonly maxCommitBytes?: number;
  /** Told of each commit. */
  readonly observe?: (record: CommitRecord) => void;
}

function exceeded(action: string, state: string): WeirError {
  return new WeirError("WEIR_GRANT_EXCEEDED", `Cannot ${action}: ${state}`);
}

function parsed<T extends v.GenericSchema>(schema: T, method: string, params: unknown) {
  const result = v.safeParse(schema, params);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw exceeded(
    `call method "nft.${method}"`,
    `${v.getDotPath(issue) ?? "its parameters"}: ${issue.message}`,
  );
}

/** The bytes in memory that the kernel may read while JavaScript runs on. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    // A SharedArrayBuffer could be changed between the check and the send.
    : new Uint8Array(bytes);
}

/** Where the last message that begins below `to` ends; a false length ends at the batch's end. */
function messageEnd(bytes: Uint8Array, from: number, to: number): [end: number, count: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = from;
  let count = 0;
  while (at < to) {
    const length = bytes.length - at < 4 ? 0 : view.getUint32(at, true);
    if (length < 4 || at + length > bytes.length) return [bytes.length, count + 1];
    at += length;
    count++;
  }
  return [at, count];
}

/** `checkBatch`, piece by piece: others get their turn in between. */
async function checkAll(
  bytes: Uint8Array,
  grant: { readonly table: string; readonly messages: number; readonly maxBytes: number },
): Promise<CheckResult> {
  if (bytes.length <= CHECK_BYTES || bytes.length > grant.maxBytes) return checkBatch(bytes, grant);
  let seen = 0;
  for (let at = 0; at < bytes.length;) {
    const [end, messages] = messageEnd(bytes, at, Math.min(at + CHECK_BYTES, bytes.length));
    const result = checkBatch(bytes.subarray(at, end), { ...grant, messages });
    if (result.type === "refused") return { ...result, message: seen + result.message };
    seen += messages;
    at = end;
    await nextTurn();
  }
  if (seen === grant.messages) return { type: "accepted" };
  const reason = `it has ${seen} messages, announced were ${grant.messages}`;
  return { type: "refused", message: -1, path: [], reason };
}

/**
 * Binds nf_tables to one plugin's grant.
 *
 * @param grant The granted table.
 * @param options The kernel, and the limit.
 * @returns The capability with the methods `commit` and `list` of schemas/capability.ts.
 */
export function nftCapability(
  grant: NonNullable<Grants["nft"]>,
  options: NftCapabilityOptions,
): GrantedCapability {
  const { owner, kernel, maxCommitBytes: maxBytes = MAX_COMMIT_BYTES, observe } = options;
  let state: "open" | "closed" = "open";
  let last: Promise<unknown> = Promise.resolve();

  function mustBeOpen(method: string): void {
    if (state === "open") return;
    throw exceeded(`call method "nft.${method}"`, "the plugin's grant was withdrawn");
  }

  async function execute(
    bytes: Uint8Array<ArrayBuffer>,
    messages: number,
    span: TraceSpan | undefined,
  ): Promise<void> {
    // A plugin that was ended meanwhile has no say any more.
    mustBeOpen("commit");
    const { table } = grant;
    const before = kernel.declared.get(table) ?? NOTHING_DECLARED;
    const { after, most, added } = declareSizes(before, bytes);
    if (most > MAX_DECLARED) {
      const reason = `its sets declare ${most} elements, the limit is ${MAX_DECLARED}`;
      throw exceeded(`commit to table "${table}"`, reason);
    }
    const work = added > LARGE_DECLARED ? "large" : undefined;
    await kernel.commit(bytes, messages, { claim: { table, owner }, work, observe, span });
    kernel.declared.set(table, after);
  }

  async function commit(
    params: unknown,
    attachment: Uint8Array,
    span: TraceSpan | undefined,
  ): Promise<CapabilityAnswer> {
    const { messages } = parsed(NftCommitSchema, "commit", params);
    const bytes = unshared(attachment);
    const checking = span?.begin("weir.capability.check", { "weir.messages": messages });
    const result = await checkAll(bytes, { table: grant.table, messages, maxBytes });
    checking?.end();
    if (result.type === "refused") {
      const place = [`message ${result.message}`, ...result.path].join(", ");
      throw exceeded(
        `commit to table "${grant.table}"`,
        result.message < 0 ? result.reason : `${place}: ${result.reason}`,
      );
    }
    // One at a time, as the kernel does it: what a batch declares is known when it is done.
    const turn = last.then(() => execute(bytes, messages, span));
    last = turn.catch(() => undefined);
    await turn;
    return { value: {} };
  }

  async function list(params: unknown, attachment: Uint8Array): Promise<CapabilityAnswer> {
    const request = parsed(NftListSchema, "list", params);
    const keys = request.what === "elements" ? request.keys ?? 0 : 0;
    const size = keys === 0 ? 0 : attachment.length / keys;
    if (keys === 0 ? attachment.length > 0 : !KEY_SIZES.has(size)) {
      const state = `${attachment.length} bytes are attached for ${keys} keys`;
      throw exceeded(`list table "${grant.table}"`, state);
    }
    if (request.what === "elements" && !/^[\x21-\x7e]{1,255}$/.test(request.set)) {
      throw exceeded(`list set "${request.set}"`, "its name is not 1 to 255 printable characters");
    }
    const wanted = Array.from(
      { length: keys },
      (_, index) => attachment.slice(index * size, (index + 1) * size),
    );
    return { value: {}, attachment: await kernel.list(request, grant.table, owner, wanted) };
  }

  return {
    async invoke(method, params, attachment, span) {
      mustBeOpen(method);
      if (method === "commit") return await commit(params, attachment, span);
      if (method === "list") return await list(params, attachment);
      throw exceeded(`call method "nft.${method}"`, "there are commit and list");
    },
    close() {
      state = "closed";
    },
  };
}
