/**
 * Lines of text out of bytes.
 *
 * @module
 */

/** Turns chunks of UTF-8 into lines without their line feeds. */
export class TextLineStream extends TransformStream<Uint8Array, string> {
  /** Makes a stream with nothing pending. */
  constructor() {
    const decoder = new TextDecoder();
    let rest = "";
    super({
      transform(chunk, controller) {
        const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = parts.pop() ?? "";
        for (const part of parts) controller.enqueue(part);
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
  }
}
