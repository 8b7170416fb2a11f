/**
 * A network namespace with the host's nft capability in it and the nft program beside it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { GrantedCapability } from "../../host/capabilities/capability.ts";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { NftKernel } from "../../host/capabilities/nft/kernel.ts";
import { nftCapability } from "../../host/capabilities/nft/nft.ts";
import { type NftClient, nftClient } from "weir";

const GRANT = { version: 1, table: "weir" } as const;
const OWNER = { role: "proxier", plugin: "test" } as const;

/** A network namespace with the nft capability in it, and the nft program. */
export interface NftNode extends AsyncDisposable {
  /** Bound to table "weir". */
  readonly nft: NftClient;
  /** What it stands on. */
  readonly kernel: NftKernel;
  /** The same, as the host's end of the wire reaches it. */
  readonly capability: GrantedCapability;
  /**
   * Runs the nft program inside.
   *
   * @param args Its arguments.
   * @param stdin Its input.
   * @returns What it printed.
   * @throws {AssertionError} When it fails.
   */
  run(args: readonly string[], stdin?: string): Promise<string>;
  /**
   * Runs any program inside.
   *
   * @param command Program and arguments.
   * @param stdin Its input.
   * @returns What it printed.
   * @throws {AssertionError} When it fails.
   */
  execute(command: readonly string[], stdin?: string): Promise<string>;
}

/**
 * Makes one.
 *
 * @param name For messages.
 * @returns The namespace, empty; disposing of it ends it.
 */
export function nftNode(name: string): NftNode {
  const namespace = NetworkNamespace.create(name);
  const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now() }));
  const capability = nftCapability(GRANT, { owner: OWNER, kernel });
  async function execute(command: readonly string[], stdin = ""): Promise<string> {
    const [program, ...args] = namespace.command(command);
    const child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    assert.equal(code, 0, `${command.join(" ")}: ${text.decode(stderr)}\n${stdin}`);
    return text.decode(stdout);
  }
  return {
    kernel,
    capability,
    nft: nftClient(GRANT, async (_, method, params, attachment = new Uint8Array()) => {
      const answer = await capability.invoke(method, params, attachment);
      return { value: answer.value, attachment: answer.attachment ?? new Uint8Array() };
    }),
    run: (args, stdin) => execute(["nft", ...args], stdin),
    execute,
    async [Symbol.asyncDispose]() {
      capability.close();
      await kernel.close();
      namespace.close();
    },
  };
}
