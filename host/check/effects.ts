/**
 * What `weir check` asks of this machine.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import { PendingSyncSchema } from "../../schemas/insight.ts";
import { bareGround, type CommandMachine } from "../bare_ground.ts";
import type { GrantedCapability } from "../capabilities/capability.ts";
import { ConntrackKernel } from "../capabilities/conntrack/kernel.ts";
import { claimInstance } from "../capabilities/instance.ts";
import { withLeftoverStore } from "../capabilities/leftovers/store.ts";
import type { TableClaim } from "../capabilities/nft/claim.ts";
import { probeFamilies } from "../capabilities/nft/families.ts";
import { NftKernel } from "../capabilities/nft/kernel.ts";
import { conntrackUsage, forwarding } from "../capabilities/sysctl/readings.ts";
import { readSystemFile } from "../capabilities/system_file.ts";
import { ask } from "../cli/ask.ts";
import { directFetch } from "../cli/direct_fetch.ts";
import { systemClock } from "../clock.ts";
import type { PluginGround } from "../plugins.ts";
import { SKIP_KERNEL_CHECK } from "../process/kernel_requirement.ts";
import { probeJail } from "../sandbox/jail.ts";
import { sandboxCommand } from "../sandbox/process.ts";
import { apiClient } from "../source/kube/client.ts";
import { TokenBucket } from "../source/kube/rate_limit.ts";
import { look } from "../source/manifests/folder.ts";
import type { CheckQuestions } from "./check.ts";

/** Milliseconds for everything that is asked of the API server. */
const API_PATIENCE_MS = 20_000;

/** Refuses what a start would refuse. Why nf_tables cannot be had is told of the kernel. */
async function mustBeFree(claim: TableClaim): Promise<void> {
  let kernel: NftKernel | undefined;
  try {
    kernel = new NftKernel({ now: () => performance.now() });
    await kernel.mustBeFree(claim);
  } catch (thrown) {
    if (thrown instanceof WeirError && thrown.code === "WEIR_TABLE_FOREIGN") throw thrown;
  } finally {
    await kernel?.close();
  }
}

/** A plugin is not called here, so that nothing is asked of a capability. */
const NOTHING: GrantedCapability = {
  invoke: (method) =>
    Promise.reject(
      new WeirError(
        "WEIR_GRANT_EXCEEDED",
        `Cannot call method "${method}": weir check calls no plugin`,
      ),
    ),
  close: () => {},
};

/**
 * Gathers what a check asks.
 *
 * @param config What weir is to run with.
 * @param server Where a running weir serves its metrics.
 * @param machine What is known of this process.
 * @returns The questions.
 */
export function checkQuestions(
  config: WeirConfig,
  server: string,
  machine: CommandMachine,
): CheckQuestions {
  const { version, deno, release, env, credentials } = machine;
  const capabilities: PluginGround["capabilities"] = (owner) => ({
    nft: async ({ table }) => {
      await mustBeFree({ table, owner });
      return NOTHING;
    },
    conntrack: () => NOTHING,
    sysctl: () => NOTHING,
  });
  const ground = bareGround(machine, config, capabilities);
  const jail = probeJail(sandboxCommand(deno, config.limits.heapMib), config.limits.memoryBytes);
  // Whoever waits for it sees the rejection.
  jail.catch(() => {});
  return {
    config,
    kernel: {
      release,
      skipKernelCheck: (env(SKIP_KERNEL_CHECK) ?? "") !== "",
      probe: () => probeFamilies({ rules: config.mode.type === "builtin" }),
      processStatus: () => readSystemFile("/proc/self/status"),
      conntrack: () => conntrackUsage(),
      askConntrack: async () => {
        const kernel = new ConntrackKernel();
        try {
          await kernel.usage();
        } finally {
          await kernel.close();
        }
      },
      forwarding: (family) => forwarding(family),
    },
    neighbours: {
      leftovers: () => withLeftoverStore((store) => store.find("everywhere")),
      claim: claimInstance,
      running: () => ask(PendingSyncSchema, "/debug/diff", {}, { server, fetch: directFetch() }),
      server,
    },
    plugins: { ground, jail: () => jail },
    apiServer: () => {
      const { contentType, acceptContentTypes } = config.clientConnection;
      const client = apiClient({
        credentials: credentials(config),
        limit: new TokenBucket({ qps: -1, burst: 0, clock: systemClock }),
        contentType,
        acceptContentTypes,
        userAgent: `weir/${version}`,
        clock: systemClock,
      });
      const signal = AbortSignal.timeout(API_PATIENCE_MS);
      return {
        questions: { client, now: () => Date.now(), signal },
        close: () => client.close(),
      };
    },
    manifests: async (directory) => {
      const seen = await look(directory);
      return seen.there ? seen.files.size : seen.reason;
    },
  };
}
