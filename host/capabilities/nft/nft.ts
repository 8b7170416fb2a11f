/**
 * The capability `nft`: one plugin's hands on one table.
 *
 * @module
 */
import * as v from "valibot";
import { NftCommitSchema, NftListSchema } from "../../../schemas/capability.ts";
import { WeirError } from "../../../schemas/errors.ts";
import type { Grants } from "../../../schemas/manifest.ts";
import type { CapabilityAnswer, GrantedCapability } from "../capability.ts";
import { checkBatch } from "./check.ts";
import type { NftKernel } from "./kernel.ts";

/** The most bytes of one commit: what fits the socket's buffer of 64 MiB beside its overhead. */
const MAX_COMMIT_BYTES = 48 << 20;

/** What the capability stands on. */
export interface NftCapabilityOptions {
  /** nf_tables of the node; shared by all plugins, closed by whoever opened it. */
  readonly kernel: NftKernel;
  /** The most bytes of one commit; 48 MiB when absent. */
  readonly maxCommitBytes?: number;
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
  const { kernel, maxCommitBytes: maxBytes = MAX_COMMIT_BYTES } = options;
  let state: "open" | "closed" = "open";

  async function commit(params: unknown, attachment: Uint8Array): Promise<CapabilityAnswer> {
    const { messages } = parsed(NftCommitSchema, "commit", params);
    const bytes = unshared(attachment);
    const result = checkBatch(bytes, { table: grant.table, messages, maxBytes });
    if (result.type === "refused") {
      const place = [`message ${result.message}`, ...result.path].join(", ");
      throw exceeded(
        `commit to table "${grant.table}"`,
        result.message < 0 ? result.reason : `${place}: ${result.reason}`,
      );
    }
    await kernel.commit(bytes, messages);
    return { value: {} };
  }

  async function list(params: unknown, attachment: Uint8Array): Promise<CapabilityAnswer> {
    const request = parsed(NftListSchema, "list", params);
    if (attachment.length > 0) {
      throw exceeded(`list table "${grant.table}"`, `${attachment.length} bytes are attached`);
    }
    if (request.what === "elements" && !/^[\x21-\x7e]{1,255}$/.test(request.set)) {
      throw exceeded(`list set "${request.set}"`, "its name is not 1 to 255 printable characters");
    }
    return { value: {}, attachment: await kernel.list(request, grant.table) };
  }

  return {
    async invoke(method, params, attachment) {
      if (state === "closed") {
        throw exceeded(`call method "nft.${method}"`, "the plugin's grant was withdrawn");
      }
      if (method === "commit") return await commit(params, attachment);
      if (method === "list") return await list(params, attachment);
      throw exceeded(`call method "nft.${method}"`, "there are commit and list");
    },
    close() {
      state = "closed";
    },
  };
}
