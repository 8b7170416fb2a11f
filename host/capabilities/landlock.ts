/**
 * Landlock (landlock(7)): a thread that gives up what it may do with files, and whatever it starts
 * with it. It takes no privileges; a kernel may have been built or started without it.
 *
 * @module
 */
import { checked, cString, fixed, libc, SystemCallError } from "./libc.ts";

/** The same on every architecture. */
const CREATE_RULESET = 444n;
const ADD_RULE = 445n;
const RESTRICT_SELF = 446n;

const RULE_PATH_BENEATH = 1;
const ACCESS_FS_READ_FILE = 1n << 2n;
const PR_SET_NO_NEW_PRIVS = 38;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/**
 * Has this thread, and the programs that it starts from now on, read files beneath some folders
 * only. Threads that are there already are not bound, and what is open stays open. Nothing but
 * reading is restricted: a program may be run from anywhere.
 *
 * @param folders Absolute paths, of files too; what is not there is passed over.
 * @returns Whether it is so now; false when the kernel has no Landlock.
 */
export function readBeneathOnly(folders: readonly string[]): boolean {
  const calls = libc();
  // struct landlock_ruleset_attr, as long as its first version: handled_access_fs.
  const attributes = fixed(8);
  new DataView(attributes.buffer).setBigUint64(0, ACCESS_FS_READ_FILE, true);
  const ruleset = Number(calls.landlockCreateRuleset(CREATE_RULESET, attributes, 8n, 0));
  if (ruleset < 0) return false;
  try {
    for (const folder of folders) allow(ruleset, folder);
    // Who has no CAP_SYS_ADMIN could else have a set-user-ID program fooled by what it cannot read.
    checked("prctl", calls.prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n));
    checked("landlock_restrict_self", calls.landlockRestrictSelf(RESTRICT_SELF, ruleset, 0));
    return true;
  } catch (thrown) {
    if (thrown instanceof SystemCallError) return false;
    throw thrown;
  } finally {
    calls.close(ruleset);
  }
}

function allow(ruleset: number, folder: string): void {
  const calls = libc();
  const parent = calls.open(cString(folder), O_PATH | O_CLOEXEC);
  if (parent < 0) return;
  try {
    // struct landlock_path_beneath_attr, which is packed.
    const rule = fixed(12);
    const view = new DataView(rule.buffer);
    view.setBigUint64(0, ACCESS_FS_READ_FILE, true);
    view.setInt32(8, parent, true);
    checked(
      "landlock_add_rule",
      calls.landlockAddRule(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0),
    );
  } finally {
    calls.close(parent);
  }
}
