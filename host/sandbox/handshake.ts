/**
 * The first messages between host and plugin: hello, welcome, grant.
 *
 * @module
 */
import * as v from "valibot";
import { WeirError } from "../../schemas/errors.ts";
import { encodeFrame, type FrameReader } from "../../schemas/frame.ts";
import type { Grants, NodeFeatures, PluginManifest } from "../../schemas/manifest.ts";
import {
  API_VERSIONS,
  CAPABILITY_VERSIONS,
  type HostMessage,
  type Limits,
} from "../../schemas/wire.ts";
import { type BoundCapabilities, readManifest } from "../broker.ts";
import { type Admission, readHeader } from "./admission.ts";
import type { Clock } from "../clock.ts";
import type { Sandbox } from "./process.ts";

/** What a plugin is given: its grants and the capabilities bound to them. */
export interface Granted {
  readonly grants: Grants;
  readonly capabilities: BoundCapabilities;
}

/** What a handshake stands on. */
export interface HandshakeOptions {
  /** What the plugin is called until its manifest is known, for example its path. */
  readonly reference: string;
  /** The host's version. */
  readonly version: string;
  readonly node: NodeFeatures;
  /** Decides and binds the grants, or throws WEIR_PLUGIN_REFUSED. */
  readonly grant: (manifest: PluginManifest) => Granted | Promise<Granted>;
  readonly limits: Limits;
  readonly clock: Clock;
}

/** What came out of a handshake. */
export interface Handshake extends Granted {
  readonly manifest: PluginManifest;
}

/** The manifest is read separately, so that a wrong version is told from a wrong shape. */
const ReplySchema = v.variant("type", [
  v.strictObject({ type: v.literal("welcome"), manifest: v.unknown() }),
  v.strictObject({ type: v.literal("refuse"), reason: v.pipe(v.string(), v.maxLength(8192)) }),
]);

function failure(
  code: "WEIR_PLUGIN_DIED" | "WEIR_PLUGIN_PROTOCOL" | "WEIR_PLUGIN_REFUSED" | "WEIR_PLUGIN_TIMEOUT",
  reference: string,
  state: string,
): WeirError {
  return new WeirError(code, `Cannot start plugin "${reference}": ${state}`);
}

function send(sandbox: Sandbox, message: HostMessage): void {
  for (const piece of encodeFrame(message)) void sandbox.write(piece);
}

async function reply(
  reader: FrameReader,
  admission: Admission,
  options: HandshakeOptions,
): Promise<unknown> {
  const { reference, version } = options;
  const frame = await reader.next();
  if (frame === null) throw failure("WEIR_PLUGIN_DIED", reference, "it ended before its welcome");
  admission.count(frame);
  const result = v.safeParse(ReplySchema, readHeader(frame));
  if (!result.success) {
    throw failure("WEIR_PLUGIN_PROTOCOL", reference, "its first message is not a welcome");
  }
  if (result.output.type === "refuse") {
    const state = `it refuses: ${result.output.reason}; weir ${version} speaks api ` +
      `${API_VERSIONS.join(", ")}; use the plugin's release for this weir`;
    throw failure("WEIR_PLUGIN_REFUSED", reference, state);
  }
  return result.output.manifest;
}

/**
 * Greets a plugin and grants it what its manifest and the policy agree on.
 *
 * @param sandbox Just started.
 * @param reader Reads its frames.
 * @param admission Counts them.
 * @param options What the handshake stands on.
 * @returns The plugin's manifest and what it was granted.
 * @throws {WeirError} WEIR_PLUGIN_REFUSED when either side refuses, with both sides' versions and
 * the remedy; WEIR_PLUGIN_TIMEOUT, WEIR_PLUGIN_PROTOCOL or WEIR_PLUGIN_DIED.
 */
export async function greet(
  sandbox: Sandbox,
  reader: FrameReader,
  admission: Admission,
  options: HandshakeOptions,
): Promise<Handshake> {
  const { reference, version, node, limits, clock } = options;
  send(sandbox, {
    type: "hello",
    api: API_VERSIONS,
    host: version,
    capabilities: CAPABILITY_VERSIONS,
    node,
  });
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(limits.handshakeMs, () => {
    const state = `no welcome within ${limits.handshakeMs} ms`;
    late.reject(failure("WEIR_PLUGIN_TIMEOUT", reference, state));
  });
  try {
    const manifest = readManifest(
      await Promise.race([reply(reader, admission, options), late.promise]),
      version,
    );
    const granted = await options.grant(manifest);
    send(sandbox, { type: "grant", grants: granted.grants });
    return { manifest, ...granted };
  } finally {
    cancel();
  }
}
