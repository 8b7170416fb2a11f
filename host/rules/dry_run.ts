/**
 * A full sync that changes nothing: the proxier is started in a sandbox of its own and told
 * everything, as after a restart, and what it commits is recorded.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { SysctlChange, SysctlKey } from "../../schemas/sysctl.ts";
import type { Snapshot } from "../../schemas/view.ts";
import { conntrackCapability } from "../capabilities/conntrack/conntrack.ts";
import { isFormer } from "../capabilities/nft/delete_table.ts";
import { nftCapability } from "../capabilities/nft/nft.ts";
import { KERNEL_SETTINGS, type SettingFiles } from "../capabilities/sysctl/setting.ts";
import { sysctlCapability } from "../capabilities/sysctl/sysctl.ts";
import { type PluginGround, prepareJail, proxierOf } from "../plugins.ts";
import { Proxier } from "../proxier.ts";
import type { RuleChanges } from "./compare.ts";
import type { NftReader } from "./listing.ts";
import { Recorder } from "./recorder.ts";

/** What a dry run stands on. */
export interface DryRunOptions {
  readonly config: Pick<WeirConfig, "mode" | "plugins" | "limits">;
  /** What the proxier is told. */
  readonly snapshot: Snapshot;
  /** What the plugins besides the proxier are called: their tables would stay. */
  readonly assistants: readonly string[];
  /** nf_tables; it is read and not written. */
  readonly kernel: NftReader;
  /** Makes what plugins stand on. */
  readonly ground: (capabilities: PluginGround["capabilities"]) => PluginGround;
  /** Where the kernel has its settings; they are read and not written. */
  readonly files?: Pick<SettingFiles, "read">;
}

/** A setting of the kernel that would become another. */
export interface SettingChange extends SysctlChange {
  readonly key: SysctlKey;
}

/** What a full sync would change. */
export interface DryRun extends RuleChanges {
  /** What the proxier is called. */
  readonly proxier: string;
  readonly settings: readonly SettingChange[];
}

/** What is written is read again, by this run alone. */
function overlay(files: Pick<SettingFiles, "read">): SettingFiles {
  const written = new Map<string, string>();
  return {
    read: (path) => written.get(path) ?? files.read(path),
    write: (path, text) => {
      written.set(path, text);
    },
  };
}

/**
 * Does it.
 *
 * @param options What it stands on.
 * @returns What would change.
 * @throws {WeirError} WEIR_PLUGIN_LOAD, WEIR_PLUGIN_REFUSED, WEIR_PLUGIN_DIED, WEIR_PLUGIN_FAILED or
 * WEIR_PLUGIN_TIMEOUT when the proxier cannot be started or fails.
 */
export async function dryRun(options: DryRunOptions): Promise<DryRun> {
  const { config, snapshot, assistants, kernel, files = KERNEL_SETTINGS } = options;
  const recorder = new Recorder(kernel);
  const settings: SettingChange[] = [];
  const capabilities: PluginGround["capabilities"] = (owner) => ({
    nft: async (grant) => {
      await kernel.mustBeFree({ table: grant.table, owner });
      return nftCapability(grant, { owner, kernel: recorder.standIn(grant.table) });
    },
    // Whatever is asked for, nothing has changed that could have made a flow stale.
    conntrack: () => conntrackCapability({ request: () => {} }),
    sysctl: (grant) =>
      sysctlCapability(grant, overlay(files), {
        changed: (key, change) => settings.push({ key, ...change }),
      }),
  });
  const ground = options.ground(capabilities);
  const source = proxierOf(config, ground.home);
  const proxier = new Proxier({
    source,
    ground,
    jail: prepareJail(ground),
    onReady: () => {},
    observe: () => {},
  });
  try {
    await proxier.ready();
    await proxier.call("resync", snapshot);
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    throw new WeirError(thrown.code, `Cannot try proxier "${source.name}": ${thrown.message}`, {
      cause: thrown,
    });
  } finally {
    await proxier.stop();
  }
  const found = await kernel.tables();
  const changes = await recorder.changes(
    found.filter((table) => isFormer(table, assistants) && !proxier.tables.has(table.name)),
  );
  return { proxier: source.name, settings, ...changes };
}
