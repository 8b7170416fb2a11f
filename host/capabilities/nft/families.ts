/**
 * Which IP families this kernel can serve by nf_tables: asked of the kernel itself, by a batch that
 * it carries out to the last message and then takes back, so that nobody ever sees a rule of it.
 *
 * @module
 */
import type { NftFailure } from "../../../schemas/capability.ts";
import { WeirError } from "../../../schemas/errors.ts";
import type { IpFamily } from "../../../schemas/kube.ts";
import { concatenated } from "../../bytes.ts";
import { errnoName, errnoOf } from "../errno.ts";
import { errno, libc } from "../libc.ts";
import { MessageWriter, NLM_F } from "../netlink_message.ts";
import { NftKernel } from "./kernel.ts";
import { NFT_SUBSYSTEM } from "./listing.ts";
import { nftRefusal } from "./open.ts";

/** What the kernel can do. */
export interface FamilySupport {
  /** Those that can be served, IPv4 first. */
  readonly working: readonly IpFamily[];
  /** Why the others cannot; one sentence each. */
  readonly lacking: Readonly<Partial<Record<IpFamily, string>>>;
}

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];
const AF = { IPv4: 2, IPv6: 10 } as const;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const EPERM = errnoOf("EPERM");
const EOPNOTSUPP = errnoOf("EOPNOTSUPP");

// Source: include/uapi/linux/netfilter/nf_tables.h, linux/netfilter.h, linux/netfilter_ipv4.h.
const NFT_MSG = { NEWTABLE: 0, DELTABLE: 2, NEWCHAIN: 3 } as const;
const NFTA_TABLE = { NAME: 1, FLAGS: 2 } as const;
/** A dormant table registers no hook: not even for a moment does a packet pass through it. */
const NFT_TABLE_F_DORMANT = 1;
const NFTA_CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, TYPE: 7 } as const;
const NFTA_HOOK = { HOOKNUM: 1, PRIORITY: 2 } as const;
const NF_INET_PRE_ROUTING = 0;
const NF_IP_PRI_NAT_DST = -100;

const TABLE = "weir-probe";
const NO_TABLE = "weir-probe-that-is-not-there";
/** In place of a message's number. */
const WHOLE_BATCH = -1;
/** The message that the kernel has to refuse, so that it takes back those before it. */
const LAST = 2;

function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

/** A table with a chain of the type that the proxier stands on, and a refusal. */
function probe(family: IpFamily): Uint8Array<ArrayBuffer> {
  const message = (kind: number, flags: number) =>
    new MessageWriter(NFT_SUBSYSTEM << 8 | kind, NLM_F.REQUEST | flags, 0)
      // NFPROTO_IPV4 and NFPROTO_IPV6 have the numbers of the address families.
      .fixed([AF[family], 0, 0, 0]);
  return concatenated([
    message(NFT_MSG.NEWTABLE, NLM_F.CREATE).text(NFTA_TABLE.NAME, TABLE)
      .bytes(NFTA_TABLE.FLAGS, be32(NFT_TABLE_F_DORMANT)),
    message(NFT_MSG.NEWCHAIN, NLM_F.CREATE).text(NFTA_CHAIN.TABLE, TABLE)
      .text(NFTA_CHAIN.NAME, "nat").text(NFTA_CHAIN.TYPE, "nat")
      .nested(
        NFTA_CHAIN.HOOK,
        (writer) =>
          writer.bytes(NFTA_HOOK.HOOKNUM, be32(NF_INET_PRE_ROUTING))
            .bytes(NFTA_HOOK.PRIORITY, be32(NF_IP_PRI_NAT_DST)),
      ),
    message(NFT_MSG.DELTABLE, 0).text(NFTA_TABLE.NAME, NO_TABLE),
  ].map((writer) => writer.finish()));
}

/** Why nf_tables does not have a family, or undefined when it does. */
async function lackOfRules(kernel: NftKernel, family: IpFamily): Promise<string | undefined> {
  try {
    await kernel.commit(probe(family), LAST + 1);
  } catch (fault) {
    if (!(fault instanceof WeirError) || fault.code !== "WEIR_NFT_KERNEL") throw fault;
    const { message, errno, name } = fault.cause as NftFailure;
    if (message === LAST) return undefined;
    if (errno === EPERM) throw fault;
    // nfnetlink_rcv_batch() refuses the whole of it where there is nobody to take it to.
    if (message === WHOLE_BATCH && errno === EOPNOTSUPP) {
      return `it has no nf_tables (${name}): load the module nft_chain_nat, or use a kernel with ` +
        "CONFIG_NF_TABLES";
    }
    return `its nf_tables cannot translate ${family} (${name}): load the module ` +
      `nft_chain_nat, or use a kernel with CONFIG_NF_TABLES_${family.toUpperCase()}`;
  }
  throw new WeirError(
    "WEIR_KERNEL",
    `Cannot probe nftables "${family}": the kernel deleted a table that is not there`,
  );
}

/**
 * Why the kernel has no packets of a family, or undefined when it has. That no interface has an
 * address of it, or that a sysctl keeps interfaces from having one, is no matter: both may change.
 *
 * @param family Which.
 * @returns One sentence, for IPv6 with `ipv6.disable=1` for example.
 */
function lackOfPackets(family: IpFamily): string | undefined {
  const fd = libc().socket(AF[family], SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return `it has no ${family} (${errnoName(errno())}): ` +
      "it was built without, or started with ipv6.disable=1";
  }
  libc().close(fd);
  return undefined;
}

/** What is asked. */
export interface ProbeOptions {
  /** Opens nf_tables; unless told otherwise in the network namespace of the calling thread. */
  readonly open?: () => NftKernel;
  /** Why the kernel has no packets of a family, or undefined when it has. */
  readonly packets?: (family: IpFamily) => string | undefined;
  /** Whether rules of nf_tables are to serve them, as those of weir's own proxier. */
  readonly rules?: boolean;
}

/**
 * Asks the kernel what it can do. The modules that this takes are loaded by the kernel.
 *
 * @param options Whom to ask.
 * @returns The families that can be served.
 * @throws {WeirError} WEIR_NETLINK with the remedy, without CAP_NET_ADMIN for example.
 */
export async function probeFamilies(options: ProbeOptions = {}): Promise<FamilySupport> {
  const { open = () => new NftKernel({ now: () => performance.now() }) } = options;
  const { packets = lackOfPackets, rules = true } = options;
  let kernel: NftKernel | undefined;
  try {
    kernel = open();
    const lacking: Partial<Record<IpFamily, string>> = {};
    for (const family of FAMILIES) {
      const lack = packets(family) ??
        (rules ? await lackOfRules(kernel, family) : undefined);
      if (lack !== undefined) lacking[family] = lack;
    }
    return { working: FAMILIES.filter((family) => lacking[family] === undefined), lacking };
  } catch (cause) {
    throw nftRefusal(cause);
  } finally {
    await kernel?.close();
  }
}
