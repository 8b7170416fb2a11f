/**
 * V8's inspector of the host's own process, for its profilers. The module of Deno that offers it
 * takes 5 MB, so it is imported when somebody wants a profile.
 *
 * @module
 */
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { InspectorMethod, InspectorParams } from "../../schemas/inspection.ts";

/** Asks a process' V8. */
export interface Inspector {
  /**
   * Has one command of the inspector protocol carried out.
   *
   * @param method The command.
   * @param params Its parameters.
   * @returns What V8 answers, as JSON.
   * @throws {WeirError} WEIR_PROFILE when it does not.
   */
  post(method: InspectorMethod, params?: InspectorParams): Promise<unknown>;
}

function failure(state: string, cause?: unknown): WeirError {
  return new WeirError("WEIR_PROFILE", `Cannot profile "weir": ${state}`, { cause });
}

/**
 * Opens the inspector of this process.
 *
 * @returns The inspector; it stays open.
 * @throws {WeirError} WEIR_PROFILE when Deno does not permit it.
 */
export async function openInspector(): Promise<Inspector> {
  const { Session } = await import("node:inspector");
  const session = new Session();
  try {
    session.connect();
  } catch (thrown) {
    // Deno 2.9 has no narrower name for it: "unknown sys descriptor: 'inspector'".
    throw failure(`${messageOf(thrown)} in full, not for some names`, thrown);
  }
  return {
    post: (method, params) =>
      new Promise((resolve, reject) => {
        session.post(method, { ...params }, (error: Error | null, result?: object) => {
          if (error === null) resolve(result);
          else reject(failure(`V8 says ${messageOf(error)}`, error));
        });
      }),
  };
}
