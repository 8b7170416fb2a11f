/**
 * Reads a list from protobuf while its bytes come, object by object.
 *
 * @module
 */
import type { KubeKind, KubeObject } from "../../../schemas/kube.ts";
import { concatenated } from "../../bytes.ts";
import type { ListPage, ListReader, Malformed } from "./decoder.ts";
import { protobufObject, type SharePorts } from "./protobuf_object.ts";
import type { StringTable } from "./strings.ts";
import { decoding, KIND, sized, UNKNOWN, WireCursor, type WireField } from "./wire_cursor.ts";

const LIST = { metadata: sized(1), items: sized(2) };
const LIST_META = { resourceVersion: sized(2), continue: sized(3) };
const MARK_BYTES = 4;

/** What a reader stands on. */
export interface ProtobufListOptions {
  /** What is listed. */
  readonly kind: KubeKind;
  readonly strings: StringTable;
  readonly sharePorts: SharePorts;
}

/** Where in the answer the next byte is: its mark, the envelope before the list, the list, … */
type Place = "mark" | "before" | "within" | "after";

/** Reads one answer. */
export class ProtobufListReader implements ListReader {
  readonly #options: ProtobufListOptions;
  readonly #objects: KubeObject[] = [];
  readonly #malformed: Malformed[] = [];
  #resourceVersion = "";
  #token = "";
  #kind = "";
  /** Bytes that came and are not read: the beginning of a field. */
  #rest: Uint8Array = new Uint8Array();
  #place: Place = "mark";
  /** Counted from the beginning of the rest, the byte after the list. */
  #listEnd = 0;

  /**
   * @param options What it stands on.
   */
  constructor(options: ProtobufListOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): void {
    this.#decoding(() => {
      const bytes = this.#rest.length === 0 ? chunk : concatenated([this.#rest, chunk]);
      const cursor = new WireCursor(bytes, this.#options.strings);
      while (this.#step(cursor));
      this.#rest = bytes.slice(cursor.position);
      this.#listEnd -= cursor.position;
    });
  }

  end(): ListPage {
    return this.#decoding(() => {
      if (this.#place !== "after" || this.#rest.length > 0) {
        throw new RangeError("it ends too early");
      }
      return {
        resourceVersion: this.#resourceVersion,
        continue: this.#token,
        objects: this.#objects,
        malformed: this.#malformed,
      };
    });
  }

  #decoding<T>(read: () => T): T {
    return decoding(`list of ${this.#options.kind}`, read);
  }

  #expectKind(): void {
    if (this.#kind !== `${this.#options.kind}List`) throw new RangeError(`it is a ${this.#kind}`);
  }

  /** Reads one field that is there as a whole; false when there is none. */
  #step(cursor: WireCursor): boolean {
    const start = cursor.position;
    const { length } = cursor.bytes;
    if (this.#place === "mark") {
      if (length - start < MARK_BYTES) return false;
      cursor.mark();
      this.#place = "before";
      return true;
    }
    if (this.#place === "within" && start === this.#listEnd) this.#place = "after";
    const field = cursor.peek();
    if (field === undefined) return false;
    if (this.#place === "before" && field.tag === UNKNOWN.raw) {
      this.#expectKind();
      this.#place = "within";
      this.#listEnd = field.end;
      if (field.end === cursor.position) this.#place = "after";
      return true;
    }
    if (this.#place === "within" && field.end > this.#listEnd) {
      throw new RangeError("a field is longer than its message");
    }
    if (field.end > length) {
      cursor.position = start;
      return false;
    }
    this.#take(cursor, field);
    cursor.position = field.end;
    return true;
  }

  #take(cursor: WireCursor, { tag, end }: WireField): void {
    if (this.#place === "before" && tag === UNKNOWN.typeMeta) {
      cursor.fields(end, (tag) => {
        if (tag === KIND) this.#kind = cursor.shared();
        else cursor.skip(tag);
      });
    }
    if (this.#place !== "within") return;
    if (tag === LIST.metadata) {
      cursor.fields(end, (tag) => {
        if (tag === LIST_META.resourceVersion) this.#resourceVersion = cursor.text();
        else if (tag === LIST_META.continue) this.#token = cursor.text();
        else cursor.skip(tag);
      });
    } else if (tag === LIST.items) {
      const { kind, sharePorts } = this.#options;
      const decoded = protobufObject(cursor, end, kind, sharePorts);
      if ("error" in decoded) this.#malformed.push(decoded);
      else this.#objects.push(decoded);
    }
  }
}
