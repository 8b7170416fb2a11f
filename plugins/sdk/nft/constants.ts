/**
 * The numbers of nf_tables, named as in linux/netfilter/nf_tables.h and linux/netfilter.h without
 * their common prefix. All of them are in kernel 5.13 or older.
 *
 * @module
 */

/** nfnetlink subsystem of nf_tables; the upper byte of every message type. */
export const SUBSYSTEM = 10;

/** enum nf_tables_msg_types. */
export const MESSAGE = {
  NEWTABLE: 0,
  DELTABLE: 2,
  NEWCHAIN: 3,
  DELCHAIN: 5,
  NEWRULE: 6,
  DELRULE: 8,
  NEWSET: 9,
  DELSET: 11,
  NEWSETELEM: 12,
  DELSETELEM: 14,
} as const;

/** Flags of nlmsghdr (linux/netlink.h). */
export const NLM = { REQUEST: 0x1, CREATE: 0x400, APPEND: 0x800 } as const;

/** Marks an attribute that holds attributes. */
export const NLA_NESTED = 0x8000;

/** The address families, as in nfgenmsg and in the nat expression (NFPROTO_*). */
export const FAMILY = { inet: 1, ip: 2, ip6: 10 } as const;

/** enum nf_inet_hooks. */
export const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** enum nft_table_attributes. */
export const TABLE = { NAME: 1, FLAGS: 2 } as const;
/** enum nft_chain_attributes. */
export const CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7, USERDATA: 12 } as const;
/** enum nft_hook_attributes. */
export const HOOK_ATTRIBUTE = { HOOKNUM: 1, PRIORITY: 2 } as const;
/** enum nft_rule_attributes. */
export const RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, USERDATA: 7 } as const;
/** enum nft_set_attributes. */
export const SET = {
  TABLE: 1,
  NAME: 2,
  FLAGS: 3,
  KEY_TYPE: 4,
  KEY_LEN: 5,
  DATA_TYPE: 6,
  DATA_LEN: 7,
  DESC: 9,
  ID: 10,
  TIMEOUT: 11,
  USERDATA: 13,
  EXPR: 17,
} as const;
/** enum nft_set_desc_attributes. */
export const SET_DESC = { SIZE: 1 } as const;
/** enum nft_set_flags. */
export const SET_FLAG = {
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  dynamic: 0x20,
} as const;
/** enum nft_set_elem_list_attributes. */
export const ELEMENT_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
/** enum nft_set_elem_attributes. */
export const ELEMENT = { KEY: 1, DATA: 2, FLAGS: 3, EXPR: 7 } as const;
/** NFT_SET_ELEM_INTERVAL_END: the element ends an interval, exclusively. */
export const INTERVAL_END = 1;
/** enum nft_data_attributes. */
export const DATA = { VALUE: 1, VERDICT: 2 } as const;
/** The data type of a verdict map (NFT_DATA_VERDICT). */
export const DATA_VERDICT = 0xffffff00;
/** enum nft_verdict_attributes. */
export const VERDICT = { CODE: 1, CHAIN: 2 } as const;
/** enum nft_verdicts and NF_DROP, NF_ACCEPT. */
export const VERDICT_CODE = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;

/** enum nft_list_attributes. */
export const LIST_ELEM = 1;
/** enum nft_expr_attributes. */
export const EXPRESSION = { NAME: 1, DATA: 2 } as const;
/** enum nft_payload_attributes. */
export const PAYLOAD = { DREG: 1, BASE: 2, OFFSET: 3, LEN: 4 } as const;
/** enum nft_payload_bases. */
export const PAYLOAD_BASE = { network: 1, transport: 2 } as const;
/** enum nft_meta_attributes. */
export const META = { DREG: 1, KEY: 2, SREG: 3 } as const;
/** enum nft_meta_keys. */
export const META_KEY = { MARK: 3, IIFNAME: 6, OIFNAME: 7, NFPROTO: 15, L4PROTO: 16 } as const;
/** enum nft_ct_attributes. */
export const CT = { DREG: 1, KEY: 2, DIRECTION: 3 } as const;
/** enum nft_ct_keys. */
export const CT_KEY = { STATE: 0, STATUS: 2, PROTO_DST: 12, DST_IP: 20, DST_IP6: 22 } as const;
/** IP_CT_DIR_ORIGINAL of enum ip_conntrack_dir. */
export const CT_ORIGINAL = 0;
/** enum nft_fib_attributes. */
export const FIB = { DREG: 1, RESULT: 2, FLAGS: 3 } as const;
/** NFT_FIB_RESULT_ADDRTYPE. */
export const FIB_RESULT_ADDRTYPE = 3;
/** enum nft_fib_flags. */
export const FIB_FLAG = { saddr: 1, daddr: 2 } as const;
/** enum nft_ng_attributes. */
export const NUMGEN = { DREG: 1, MODULUS: 2, TYPE: 3, OFFSET: 4 } as const;
/** NFT_NG_RANDOM. */
export const NUMGEN_RANDOM = 1;
/** enum nft_bitwise_attributes. */
export const BITWISE = { SREG: 1, DREG: 2, LEN: 3, MASK: 4, XOR: 5 } as const;
/** enum nft_cmp_attributes. */
export const CMP = { SREG: 1, OP: 2, DATA: 3 } as const;
/** enum nft_cmp_ops. */
export const CMP_OP = { eq: 0, neq: 1 } as const;
/** enum nft_lookup_attributes. */
export const LOOKUP = { SET: 1, SREG: 2, DREG: 3, FLAGS: 5 } as const;
/** NFT_LOOKUP_F_INV. */
export const LOOKUP_INVERTED = 1;
/** enum nft_dynset_attributes. */
export const DYNSET = { SET_NAME: 1, OP: 3, SREG_KEY: 4, SREG_DATA: 5, TIMEOUT: 6 } as const;
/** enum nft_dynset_ops. */
export const DYNSET_OP = { add: 0, update: 1, delete: 2 } as const;
/** enum nft_immediate_attributes. */
export const IMMEDIATE = { DREG: 1, DATA: 2 } as const;
/** enum nft_counter_attributes. */
export const COUNTER = { BYTES: 1, PACKETS: 2 } as const;
/** enum nft_reject_attributes. */
export const REJECT = { TYPE: 1, ICMP_CODE: 2 } as const;
/** enum nft_reject_types. */
export const REJECT_TYPE = { ICMP_UNREACH: 0, TCP_RST: 1, ICMPX_UNREACH: 2 } as const;
/** enum nft_nat_attributes. */
export const NAT = { TYPE: 1, FAMILY: 2, REG_ADDR_MIN: 3, REG_PROTO_MIN: 5, FLAGS: 7 } as const;
/** NFT_NAT_DNAT. */
export const NAT_DNAT = 1;
/** enum nft_masq_attributes. */
export const MASQ = { FLAGS: 1 } as const;
/** NF_NAT_RANGE_PROTO_RANDOM_FULLY of linux/netfilter/nf_nat.h. */
export const RANDOM_FULLY = 0x10;
