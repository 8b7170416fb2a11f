/**
 * A connection that lasts while something happens.
 *
 * @module
 */
import type { Member } from "../kit/packet/topology.ts";
import { LineChild } from "./line_child.ts";

/** What either end's program is asked. */
export type LastingQuestion =
  | { readonly do: "listen" | "connect"; readonly address: string; readonly port: number }
  | {
    readonly do: "say";
    readonly text: string;
    /** Milliseconds until the echo counts as lost. */
    readonly timeout: number;
  };

/** One end of a connection: a server that says back what it hears, or who connects to it. */
export class Lasting implements AsyncDisposable {
  readonly #child: LineChild<LastingQuestion, { listen: null; connect: null; say: string }>;

  /**
   * Starts the program.
   *
   * @param member Where.
   */
  constructor({ name, namespace }: Member) {
    this.#child = new LineChild({
      name: `connection of ${name}`,
      namespace,
      module: import.meta.resolve("./lasting_child.ts"),
      permissions: ["--allow-net"],
    });
  }

  /**
   * Listens, or connects.
   *
   * @param what Which of both.
   * @param address Text of an IP address.
   * @param port 1–65535.
   */
  async open(what: "listen" | "connect", address: string, port: number): Promise<void> {
    await this.#child.ask({ do: what, address, port });
  }

  /**
   * Says something over the connection.
   *
   * @param text Not empty.
   * @returns What came back.
   * @throws {Error} When nothing does within 5 s.
   */
  say(text: string): Promise<string> {
    return this.#child.ask({ do: "say", text, timeout: 5_000 });
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}
