/**
 * Cuts the bytes of a watch into its events. The API server sends JSON events one per line, and
 * protobuf events each behind its length as 4 bytes, most significant first.
 * Source: apimachinery `framer.NewLengthDelimitedFrameWriter`, `json.Framer`.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { concatenated } from "../../bytes.ts";

/**
 * The longest event that is accepted, in bytes. etcd refuses objects above 1.5 MiB; JSON of an
 * EndpointSlice is about three times its protobuf.
 */
export const LONGEST_FRAME = 16 * 1024 * 1024;

/** Cuts a stream of chunks into frames. */
export interface Frames {
  /**
   * Takes the next chunk.
   *
   * @param chunk Bytes as they came; not kept after the call unless a frame is incomplete.
   * @returns The frames that are complete now, without their framing. They may point into the
   * chunk: read them before its memory is used again.
   * @throws {WeirError} WEIR_DECODE when a frame is longer than {@linkcode LONGEST_FRAME}.
   */
  push(chunk: Uint8Array): Uint8Array[];
}

function tooLong(length: number): WeirError {
  return new WeirError(
    "WEIR_DECODE",
    `Cannot read watch event "${length} bytes": more than ${LONGEST_FRAME} bytes are not accepted`,
  );
}

/**
 * Frames that end with a newline. Empty lines are no frames.
 *
 * @returns A cutter for one stream.
 */
export function lineFrames(): Frames {
  let parts: Uint8Array[] = [];
  let length = 0;
  return {
    push(chunk) {
      const frames: Uint8Array[] = [];
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        const tail = chunk.subarray(start, end);
        start = end + 1;
        if (length + tail.length > LONGEST_FRAME) throw tooLong(length + tail.length);
        const frame = parts.length === 0 ? tail : concatenated([...parts, tail]);
        parts = [];
        length = 0;
        if (frame.length > 0) frames.push(frame);
      }
      if (start < chunk.length) {
        parts.push(chunk.slice(start));
        length += chunk.length - start;
        if (length > LONGEST_FRAME) throw tooLong(length);
      }
      return frames;
    },
  };
}

/**
 * Frames behind their length in 4 bytes.
 *
 * @returns A cutter for one stream.
 */
export function lengthFrames(): Frames {
  let parts: Uint8Array[] = [];
  let length = 0;
  /** Bytes that must be there before looking again. */
  let wanted = 4;
  return {
    push(chunk) {
      if (length + chunk.length < wanted) {
        parts.push(chunk.slice());
        length += chunk.length;
        return [];
      }
      const bytes = parts.length === 0 ? chunk : concatenated([...parts, chunk]);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const frames: Uint8Array[] = [];
      let start = 0;
      wanted = 4;
      while (bytes.length - start >= 4) {
        const size = view.getUint32(start);
        if (size > LONGEST_FRAME) throw tooLong(size);
        if (bytes.length - start - 4 < size) {
          wanted = size + 4;
          break;
        }
        frames.push(bytes.subarray(start + 4, start + 4 + size));
        start += 4 + size;
      }
      parts = start < bytes.length ? [bytes.slice(start)] : [];
      length = bytes.length - start;
      return frames;
    },
  };
}
