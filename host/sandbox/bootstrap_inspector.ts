/**
 * The part of a sandbox that is there only with --profiling: answers the host's commands to V8's
 * profilers. Like the bootstrap, which imports it before anything of the plugin's, it imports
 * nothing of weir, is ASCII, and reaches the child as a data: URL.
 *
 * The session that is opened here could do far more than profile: set a breakpoint in the
 * bootstrap, evaluate in its scope. So the permission to open another is given back at once, and
 * nothing below leaves the session, or what it is told, to what the plugin can reach: the text of
 * a command is compared with those of the list, whoever may have forged it, and every function
 * that is needed later is taken now, before the plugin can put its own in its place.
 *
 * @module
 */
import { Session } from "node:inspector";

/** Reads and writes the pipes. */
export interface Ends {
  /** Reads at most as much as the array holds; null at the end of the stream. */
  readonly read: (into: Uint8Array) => Promise<number | null>;
  /** Writes all before it returns. */
  readonly write: (bytes: Uint8Array) => void;
}

/** Reads what is for the plugin. See `Fill` of schemas/frame.ts. */
export type Fill = (into: Uint8Array) => Promise<Uint8Array | null>;

const PREFIX_BYTES = 8;
/** Bytes of the plugin's frames that are read at once. */
const CHUNK_BYTES = 256 * 1024;

const Bytes = Uint8Array;
const View = DataView;
const { stringify, parse } = JSON;
const { min } = Math;
const descriptor = Object.getOwnPropertyDescriptor;
const everything = Object.prototype;
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const decoder = new TextDecoder();
const decode = decoder.decode.bind(decoder);

/**
 * Opens the inspector, and closes the door behind it.
 *
 * @param methods The commands that may be given, as a JSON list.
 * @returns Stands between the pipes and the plugin.
 */
export async function inspectable(methods: string): Promise<(ends: Ends) => Fill> {
  const allowed: readonly unknown[] = parse(methods);
  const session = new Session();
  session.connect();
  // Notifications are wanted by nobody, and EventEmitter.prototype is within the plugin's reach.
  Reflect.defineProperty(session, "emit", { value: () => false });
  const post = session.post.bind(session);
  const state = Deno.permissions.revokeSync({ name: "sys" }).state;
  if (state === "granted") throw new Error("Cannot inspect: the permission is not given back");
  // Deno loads what answers need with the first of them, and could not without its global.
  await new Promise<void>((resolve, reject) => {
    const enabled = (error: Error | null) => error === null ? resolve() : reject(error);
    post("HeapProfiler.enable", undefined, enabled);
  });

  const isAllowed = (method: unknown): method is string => {
    for (let at = 0; at < allowed.length; at++) if (allowed[at] === method) return true;
    return false;
  };
  // The session makes its message an ordinary object, whose prototype may have been changed.
  const isSound = () =>
    descriptor(everything, "toJSON") === undefined &&
    descriptor(everything, "params") === undefined;

  return ({ read, write }) => {
    const answer = (header: object, attachment: Uint8Array) => {
      const head = encode(stringify(header));
      const frame = new Bytes(PREFIX_BYTES + head.length + attachment.length);
      const view = new View(frame.buffer);
      view.setUint32(0, 4 + head.length + attachment.length, true);
      view.setUint32(4, head.length, true);
      frame.set(head, PREFIX_BYTES);
      frame.set(attachment, PREFIX_BYTES + head.length);
      write(frame);
    };
    const none = new Bytes(0);
    const refuse = (id: number, error: string) => answer({ type: "inspected", id, error }, none);

    const obey = (command: Uint8Array) => {
      const { id, method, params, most } = parse(decode(command));
      if (!isAllowed(method)) return refuse(id, "the command is not one of the profilers'");
      if (!isSound()) return refuse(id, "the plugin has changed Object.prototype");
      post(method, params, (error: Error | null, result?: object) => {
        if (error !== null) return refuse(id, `V8 says ${error.message}`);
        const json = encode(stringify(result));
        if (json.length > most) {
          return refuse(id, `it has ${json.length} bytes, the limit is ${most}`);
        }
        answer({ type: "inspected", id }, json);
      });
    };

    /** All of so many bytes, or undefined when the stream ends before. */
    const exactly = async (length: number): Promise<Uint8Array | undefined> => {
      const bytes = new Bytes(length);
      for (let filled = 0; filled < length;) {
        const part = new Bytes(length - filled);
        const count = await read(part);
        if (count === null) return undefined;
        for (let at = 0; at < count; at++) bytes[filled + at] = part[at] ?? 0;
        filled += count;
      }
      return bytes;
    };

    /** Bytes that the plugin is to have before more is read: the rest of a prefix. */
    let prefix: readonly number[] = [];
    /** Bytes of the current frame that follow. */
    let passing = 0;
    return async (into) => {
      for (;;) {
        if (prefix.length > 0) {
          const count = min(prefix.length, into.length);
          for (let at = 0; at < count; at++) into[at] = prefix[at] ?? 0;
          prefix = prefix.slice(count);
          return into.subarray(0, count);
        }
        if (passing > 0) {
          // Its own memory each time: nothing that is kept here is shown to the plugin.
          const part = new Bytes(min(passing, into.length, CHUNK_BYTES));
          const count = await read(part);
          if (count === null) return null;
          passing -= count;
          into.set(part.subarray(0, count));
          return into.subarray(0, count);
        }
        const words = await exactly(PREFIX_BYTES);
        if (words === undefined) return null;
        const view = new View(words.buffer);
        const body = view.getUint32(0, true) - 4;
        // A frame without a header is the host's word to this module.
        if (view.getUint32(4, true) === 0) {
          const command = await exactly(body);
          if (command === undefined) return null;
          obey(command);
          continue;
        }
        prefix = [...words];
        passing = body;
      }
    };
  };
}
