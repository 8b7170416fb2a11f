/**
 * The plugins: their code, the jail around them, and the handshake, without a call to any of them.
 *
 * @module
 */
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { PluginManifest } from "../../schemas/manifest.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import {
  detectorOf,
  type PluginGround,
  type PluginSource,
  proxierOf,
  startPlugin,
  tunerOf,
} from "../plugins.ts";
import type { Jail } from "../sandbox/jail.ts";
import { keepsCapabilities } from "../sandbox/jail.ts";
import type { SupervisedPlugin } from "../sandbox/supervisor.ts";
import { failure, good, type Tick, type TickGroup, warning } from "./tick.ts";

/** What the check stands on. */
export interface PluginQuestions {
  readonly config: Pick<WeirConfig, "mode" | "plugins" | "detectLocalMode">;
  readonly ground: PluginGround;
  /** How the node can jail sandboxes. */
  readonly jail: () => Promise<Jail>;
}

function jailTicks(jail: Jail): readonly Tick[] {
  const layers = [...new Set(jail.layers.map(({ name }) => name))];
  const around = layers.length === 0
    ? []
    : [good(`the jail around plugins takes ${layers.join(", ")}`)];
  const ticks = jail.missing.map((reason) =>
    warning(
      reason,
      "give weir the capabilities above, or util-linux, or let it make user namespaces",
    )
  );
  return keepsCapabilities(jail)
    ? [
      ...around,
      ...ticks,
      warning(
        "only Deno's permissions stand between plugins and weir's own capabilities",
        "run weir with CAP_SETUID, CAP_SETGID and CAP_SYS_ADMIN, or let it make user namespaces",
      ),
    ]
    : [...around, ...ticks];
}

/** Starts a plugin, waits for the handshake, and ends it. */
async function handshake(
  source: PluginSource,
  kind: PluginManifest["kind"],
  { ground, jail }: PluginQuestions,
): Promise<Tick> {
  let plugin: SupervisedPlugin | undefined;
  const over = Promise.withResolvers<void>();
  const look = () => {
    const state = plugin?.state();
    if (state === undefined) return;
    if (state.type === "ready") over.resolve();
    else if (state.type === "parked" || state.type === "waiting") {
      over.reject(new WeirError("WEIR_PLUGIN_REFUSED", state.reason));
    }
  };
  try {
    const role = { kind, mode: "warm", observe: () => queueMicrotask(look) } as const;
    plugin = await startPlugin(source, role, ground, jail());
    look();
    await over.promise;
    return good(`${kind} ${source.name} starts and takes its grants`);
  } catch (thrown) {
    return failure(
      `${kind} ${source.name} does not start`,
      // A stack has many lines, a tick has one.
      messageOf(thrown).replace(/\s*\n\s*/g, ", "),
    );
  } finally {
    await plugin?.stop();
  }
}

/**
 * Looks at the plugins that a configuration asks for.
 *
 * @param questions The configuration, and what plugins stand on.
 * @returns The group.
 */
export async function checkPlugins(questions: PluginQuestions): Promise<readonly TickGroup[]> {
  const { config, ground, jail } = questions;
  const wanted = [
    ["proxier", proxierOf(config, ground.home)],
    ["local-detector", detectorOf(config, ground.home)],
    ["conntrack-tuner", tunerOf(config, ground.home)],
  ] as const;
  const ticks: Tick[] = [];
  try {
    ticks.push(...jailTicks(await jail()));
  } catch (thrown) {
    ticks.push(failure("no sandbox can be started", messageOf(thrown)));
  }
  for (const [kind, source] of wanted) ticks.push(await handshake(source, kind, questions));
  return [{ title: "Plugins", ticks }];
}
