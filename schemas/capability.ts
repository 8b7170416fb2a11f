/**
 * The messages between a plugin and the host's capabilities. Parameters are JSON; bulk bytes
 * travel beside them as an attachment.
 *
 * @module
 */
import * as v from "valibot";
import { MOST_RECONCILED_IDS } from "./conntrack.ts";
import { SYSCTL_KEYS } from "./sysctl.ts";

/** An nf_tables family that a grant can cover. */
export type NftFamily = "ip" | "ip6" | "inet";

/**
 * Parameters of `nft.commit`. The attachment holds `messages` nf_tables netlink messages one
 * after the other, each with its nlmsghdr and nfgenmsg, without batch begin and end, whose
 * sequence numbers the host sets. The host checks every message against the grant and sends all
 * as one atomic batch. The result is `{}`.
 */
export const NftCommitSchema = v.strictObject({
  messages: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)),
});

/** Keys that one `nft.list` may name: the kernel is asked for each. */
export const MOST_LISTED_KEYS = 256;

/**
 * Parameters of `nft.list`. The result's attachment holds the kernel's answer: netlink messages
 * (NEWTABLE, NEWCHAIN, NEWRULE, NEWSET or NEWSETELEM) of the granted table only, one after the
 * other; empty when there is no such table. `set` is for `elements` only, and so is `keys`: so many
 * keys of the same length are attached, one after the other, and only their elements are listed.
 */
export const NftListSchema = v.variant("what", [
  v.strictObject({
    what: v.picklist(["tables", "chains", "rules", "sets"]),
    family: v.picklist(["ip", "ip6", "inet"]),
  }),
  v.strictObject({
    what: v.literal("elements"),
    family: v.picklist(["ip", "ip6", "inet"]),
    set: v.string(),
    keys: v.exactOptional(
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_LISTED_KEYS)),
    ),
  }),
]) satisfies v.GenericSchema<unknown, NftList>;

/** What `nft.list` can be asked for: names or rules of a family's table, or a set's elements. */
export type NftList =
  | { readonly what: "tables" | "chains" | "rules" | "sets"; readonly family: NftFamily }
  | {
    readonly what: "elements";
    readonly family: NftFamily;
    readonly set: string;
    readonly keys?: number;
  };

/**
 * Parameters of `conntrack.reconcile`: the ids of the service ports whose endpoints or addresses
 * the plugin has just changed in the kernel, or `all`. Ids that the host does not know are passed
 * over. The result is `{}` and comes at once: the flows are removed later, and what is asked for
 * until then is done together.
 */
export const ConntrackReconcileSchema = v.strictObject({
  ids: v.union([
    v.literal("all"),
    v.pipe(v.array(v.pipe(v.string(), v.maxLength(256))), v.maxLength(MOST_RECONCILED_IDS)),
  ]),
});

const SysctlKeySchema = v.picklist(SYSCTL_KEYS, "weir has no such sysctl to grant");

/** Parameters of `sysctl.get`. The result is `{ value }`, an integer. */
export const SysctlGetSchema = v.strictObject({ key: SysctlKeySchema });

/**
 * Parameters of `sysctl.set`. The value lies within the range of the setting's row (`SYSCTLS`);
 * where the row says `raise`, a higher value stays. The result is a `SysctlChange`.
 */
export const SysctlSetSchema = v.strictObject({
  key: SysctlKeySchema,
  value: v.pipe(v.number("it is not a number"), v.integer("it is not an integer")),
});

/**
 * What comes with an error WEIR_NFT_KERNEL: the message (counted from 0 within the commit) that
 * the kernel refused, and why.
 */
export interface NftFailure {
  /** Index of the guilty message; -1 when the kernel refused the batch as a whole. */
  readonly message: number;
  /** Positive errno of Linux, for example 2. */
  readonly errno: number;
  /** Its name, for example ENOENT. */
  readonly name: string;
  /** The kernel's extended acknowledgement (NLMSGERR_ATTR_MSG), or "". */
  readonly detail: string;
}

/**
 * Calls a method of a capability from inside the sandbox. Every client object an author sees
 * (`nft`, `log`) stands on this one function.
 *
 * @param capability For example `nft`.
 * @param method For example `commit`.
 * @param params JSON.
 * @param attachment Bulk bytes.
 * @returns The result and its attachment, which is empty when there is none.
 * @throws {WeirError} With the code the host gave; `data` of the reply is in its `cause`.
 */
export type Invoke = (
  capability: string,
  method: string,
  params: unknown,
  attachment?: Uint8Array,
) => Promise<{ readonly value: unknown; readonly attachment: Uint8Array }>;

/**
 * Writes one structured log line. Levels as klog: `debug` shows from -v=4 on.
 *
 * @example
 * ```ts
 * import { defineProxier } from "weir";
 * import { loopback } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * const plugin = defineProxier({
 *   name: "talkative", version: "0.1.0", api: 1,
 *   resync: () => {},
 *   apply: () => {},
 *   explain: () => [],
 *   cleanup: ({ log }) => log.info("nothing to remove", { table: "talkative" }),
 * });
 *
 * await using connected = await loopback(plugin);
 * await connected.call("cleanup", null);
 * assert.equal(connected.lines[0]?.message, "nothing to remove");
 * ```
 */
export interface Log {
  /** For whoever looks for a fault. */
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** What an operator likes to know. */
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Something is wrong and weir goes on. */
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Something failed. */
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
