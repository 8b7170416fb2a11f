/**
 * A child program inside a namespace that is asked questions, one JSON object a line, and answers
 * each with `{ id, answer }` or `{ id, error }`. Both ends are here.
 *
 * @module
 */
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { boundToParent } from "../../host/capabilities/program.ts";

/** What comes back for a question. */
type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };

/** How a child is started. */
export interface LineChildOptions {
  /** For messages. */
  readonly name: string;
  /** Where it runs. */
  readonly namespace: NetworkNamespace;
  /** Its main module, a `file:` URL. */
  readonly module: string;
  /** Flags of `deno run`. */
  readonly permissions: readonly string[];
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** The asking end; the answers have the types that the two programs agree on. */
export class LineChild<Question, Answers extends object> implements AsyncDisposable {
  readonly #name: string;
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #reading: Promise<void>;
  #next = 1;

  /**
   * Starts the program.
   *
   * @param options Which, and where.
   */
  constructor({ name, namespace, module, permissions }: LineChildOptions) {
    const [program, ...args] = namespace.command(boundToParent([
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      "--cached-only",
      ...permissions,
      module,
    ]));
    this.#name = name;
    this.#process = new Deno.Command(program, {
      args,
      cwd: new URL("../../", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const line of linesOf(this.#process.stdout)) {
      const reply: Reply = JSON.parse(line);
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if ("error" in reply) pending?.reject(this.#fault(reply.error));
      else pending?.resolve(reply.answer);
    }
    for (const { reject } of this.#pending.values()) reject(this.#fault("it has ended"));
  }

  #fault(state: string): Error {
    return new Error(`Cannot ask child "${this.#name}": ${state}`);
  }

  /**
   * Asks.
   *
   * @param question What; its `do` says which answer comes.
   * @returns The answer.
   * @throws {Error} What the program threw, or that it has ended.
   */
  async ask<Do extends keyof Answers>(question: Question & { do: Do }): Promise<Answers[Do]> {
    const id = this.#next++;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    const line = `${JSON.stringify({ id, question })}\n`;
    await this.#writer.write(new TextEncoder().encode(line));
    // Both ends are of this repository and of the same moment.
    return await pending.promise as Answers[Do];
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => undefined);
    await this.#reading;
    await this.#process.status;
  }
}

/**
 * The answering end: answers until stdin ends, several questions at a time.
 *
 * @param answer Answers one question; what it throws is told to who asked.
 * @returns When stdin has ended.
 */
export async function answerLines<Question>(
  answer: (question: Question) => unknown,
): Promise<void> {
  const reply = async (id: number, question: Question): Promise<Reply> => {
    try {
      return { id, answer: await answer(question) ?? null };
    } catch (fault) {
      return { id, error: String(fault) };
    }
  };
  for await (const line of linesOf(Deno.stdin.readable)) {
    const { id, question }: { id: number; question: Question } = JSON.parse(line);
    void reply(id, question).then((told) => console.log(JSON.stringify(told)));
  }
}
