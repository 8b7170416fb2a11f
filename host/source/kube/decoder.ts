/**
 * What a decoder makes of the API server's answers, whatever their encoding.
 *
 * @module
 */
import type { WeirError } from "../../../schemas/errors.ts";
import type { KubeObject } from "../../../schemas/kube.ts";

/** An object that cannot be used. It is skipped and reported; nothing else suffers. */
export interface Malformed {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** WEIR_DECODE, with the field's path. */
  readonly error: WeirError;
}

/** One answer to a list request. */
export interface ListPage {
  /** The version of the whole list. */
  readonly resourceVersion: string;
  /** The token of the next page, "" on the last. */
  readonly continue: string;
  readonly objects: readonly KubeObject[];
  readonly malformed: readonly Malformed[];
}

/** A failure as the API server writes it. Source: apimachinery `metav1.Status`. */
export interface ApiStatus {
  /** The HTTP status, 0 when absent. */
  readonly code: number;
  /** One word, for example `Expired`. */
  readonly reason: string;
  readonly message: string;
  /** The reasons of its causes, for example `ResourceVersionTooLarge`. */
  readonly causes: readonly string[];
  /** Seconds to wait, 0 when absent. */
  readonly retryAfterSeconds: number;
}

/** One event of a watch. */
export type WatchEvent =
  | { readonly type: "upsert"; readonly object: KubeObject }
  | { readonly type: "malformed"; readonly malformed: Malformed }
  | {
    readonly type: "remove";
    readonly namespace: string;
    readonly name: string;
    readonly resourceVersion: string;
  }
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  | { readonly type: "error"; readonly status: ApiStatus };

/** Reads one answer to a list request while it comes. */
export interface ListReader {
  /**
   * Takes the next piece.
   *
   * @param chunk Bytes as they came; they must not change afterwards.
   * @throws {WeirError} WEIR_DECODE when it is no list of this kind.
   */
  push(chunk: Uint8Array): void;
  /**
   * Ends the answer.
   *
   * @returns The page.
   * @throws {WeirError} WEIR_DECODE when it is no list of this kind, or not a whole one.
   */
  end(): ListPage;
}

/** Reads the answers about one kind in one encoding. */
export interface Decoder {
  /**
   * @returns A reader of one answer, which is decoded as far as it has come: a hundred thousand
   * endpoints at once would hold up everything else.
   */
  reader(): ListReader;
  /**
   * @param body A whole answer.
   * @returns The page.
   * @throws {WeirError} WEIR_DECODE when it is no list of this kind.
   */
  list(body: Uint8Array): ListPage;
  /**
   * @param frame One event, without its framing.
   * @returns The event.
   * @throws {WeirError} WEIR_DECODE when it is no watch event.
   */
  watchEvent(frame: Uint8Array): WatchEvent;
}
