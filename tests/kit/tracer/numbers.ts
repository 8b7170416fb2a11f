/**
 * Numbers of nf_tables that the SDK does not write but a rule may hold, named as in
 * linux/netfilter/nf_tables.h without their common prefix.
 *
 * @module
 */

/** enum nft_registers: NFT_REG_VERDICT, and NFT_REG32_00, the first of sixteen words. */
export const REGISTER = { VERDICT: 0, FIRST_WORD: 8, WORDS: 16 } as const;
/** enum nft_verdicts besides those of the SDK. */
export const VERDICT_MORE = { continue: -1, break: -2 } as const;
/** enum nft_payload_bases: NFT_PAYLOAD_LL_HEADER, _NETWORK_HEADER, _TRANSPORT_HEADER. */
export const BASE = { link: 0, network: 1, transport: 2 } as const;
/** enum nft_meta_keys. */
export const META_ALL = {
  LEN: 0,
  PROTOCOL: 1,
  MARK: 3,
  IIFNAME: 6,
  OIFNAME: 7,
  NFPROTO: 15,
  L4PROTO: 16,
} as const;
/** enum nft_ct_attributes besides DREG and KEY. */
export const CT_MORE = { DIRECTION: 3, SREG: 4 } as const;
/** enum nft_ct_keys. */
export const CT_ALL = {
  STATE: 0,
  DIRECTION: 1,
  STATUS: 2,
  MARK: 3,
  L3PROTOCOL: 7,
  SRC: 8,
  DST: 9,
  PROTOCOL: 10,
  PROTO_SRC: 11,
  PROTO_DST: 12,
  SRC_IP: 19,
  DST_IP: 20,
  SRC_IP6: 21,
  DST_IP6: 22,
} as const;
/** NF_CT_STATE_BIT of enum ip_conntrack_info, and NF_CT_STATE_INVALID_BIT. */
export const CT_STATE = { invalid: 1, established: 2, new: 8 } as const;
/** enum ip_conntrack_status. */
export const CT_STATUS = { seenReply: 2, assured: 4, confirmed: 8, snat: 16, dnat: 32 } as const;
/** enum nft_fib_result. */
export const FIB_ALL = { OIFNAME: 2, ADDRTYPE: 3 } as const;
/** rtm_type of linux/rtnetlink.h. */
export const ROUTE_TYPE = { unicast: 1, local: 2, multicast: 5, unreachable: 7 } as const;
/** enum nft_bitwise_attributes besides those of the SDK. */
export const BITWISE_MORE = { OP: 6, DATA: 7 } as const;
/** enum nft_bitwise_ops. */
export const BITWISE_OP = { boolean: 0, leftShift: 1, rightShift: 2 } as const;
/** enum nft_byteorder_attributes. */
export const BYTEORDER = { SREG: 1, DREG: 2, LEN: 4, SIZE: 5 } as const;
/** enum nft_cmp_ops, which nft_range_ops begins as well. */
export const COMPARE = ["eq", "neq", "lt", "lte", "gt", "gte"] as const;
/** enum nft_range_attributes. */
export const RANGE = { SREG: 1, OP: 2, FROM_DATA: 3, TO_DATA: 4 } as const;
/** enum nft_dynset_attributes besides those of the SDK. */
export const DYNSET_MORE = { SREG_DATA: 5, FLAGS: 9 } as const;
/** enum nft_dynset_ops. */
export const DYNSET_OPS = ["add", "update", "delete"] as const;
/** NFT_DYNSET_F_INV. */
export const DYNSET_INVERTED = 1;
/** enum nft_nat_types. */
export const NAT_TYPES = ["source", "destination"] as const;
/** NFT_SET_CONCAT of enum nft_set_flags: an interval set whose keys have several fields. */
export const SET_CONCAT = 0x80;
/** NFTA_SET_DESC_CONCAT and NFTA_SET_FIELD_LEN. */
export const CONCAT = { DESC: 2, FIELD_LEN: 1 } as const;
/** NFTA_SET_ELEM_KEY_END. */
export const ELEMENT_KEY_END = 10;
/** enum nft_set_elem_flags. */
export const ELEMENT_FLAG = { intervalEnd: 1, catchall: 2 } as const;
/** Address families that a hook sees (NFPROTO_*). */
export const FAMILY_OF = { 4: 2, 6: 10 } as const;
/** NFPROTO_INET: chains of such a table see both. */
export const FAMILY_INET = 1;
/** Priorities of the kernel's own hooks (enum nf_ip_hook_priorities). */
export const PRIORITY = { conntrack: -200, natDestination: -100, natSource: 100 } as const;
/** NFT_JUMP_STACK_SIZE. */
export const JUMP_STACK = 16;
