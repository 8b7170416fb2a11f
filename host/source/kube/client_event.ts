/**
 * What the API server's client tells of its requests, as client-go tells its metrics
 * (k8s.io/client-go/tools/metrics).
 *
 * @module
 */

/** Something that happened to a request. `host` is that of the server, with its port. */
export type ClientEvent =
  /** It had to wait for its turn, possibly no time at all. */
  | { readonly type: "limited"; readonly host: string; readonly milliseconds: number }
  /** An answer has begun; its status, or `<error>` when none came. */
  | { readonly type: "answer"; readonly host: string; readonly code: string }
  /** It is made once more after such an answer. */
  | { readonly type: "retry"; readonly host: string; readonly code: string }
  /** An answer is over that is no watch: from the request's start, with its body's size. */
  | {
    readonly type: "done";
    readonly host: string;
    readonly milliseconds: number;
    readonly bytes: number;
  }
  /** A name has been looked up. */
  | { readonly type: "lookup"; readonly host: string; readonly milliseconds: number }
  /** Connections to use: those that were there, or new ones; and how many sets of them there are. */
  | { readonly type: "transport"; readonly result: "hit" | "miss"; readonly entries: number };

/** Receives events; must not throw. */
export type ObserveClient = (event: ClientEvent) => void;
