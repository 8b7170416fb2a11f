/**
 * What the guest reports, group by group. Pure.
 *
 * @module
 */

/** How one group ended. */
export interface GuestReport {
  /** The exit code of its command, or why it was killed. */
  readonly exit: number | string;
  /** The JUnit report; "" if there was none. */
  readonly xml: string;
}

/** Everything the guest said about its tests. */
export interface GuestReports {
  readonly groups: ReadonlyMap<string, GuestReport>;
  /** Whether it came to its end. */
  readonly ended: boolean;
}

/** timeout(1): when time was up, and when the command had to be killed for it (128 + SIGKILL). */
const OUT_OF_TIME: ReadonlySet<number> = new Set([124, 137]);

/**
 * Reads what came out of the report port: before each report a line `group NAME CODE`, at the end
 * a line `end`.
 *
 * @param text All of it, cut off anywhere if the guest died.
 * @returns What became of each group that was begun to be told.
 */
export function readReports(text: string): GuestReports {
  const groups = new Map<string, GuestReport>();
  const told = /^group (\S+) (\d+)\n([\s\S]*?)(?=^group \S+ \d+\n|^end\n|$(?![\s\S]))/gm;
  for (const [, name = "", code, xml = ""] of text.matchAll(told)) {
    const exit = Number(code);
    groups.set(name, {
      exit: OUT_OF_TIME.has(exit) ? `killed: its time in the guest was up` : exit,
      xml: xml.trim(),
    });
  }
  return { groups, ended: /^end\n/m.test(text) };
}
