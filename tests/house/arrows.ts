/**
 * Who may import whom.
 *
 * @module
 */
import type { Import } from "./graph.ts";

/** The stage of the flow to which a file belongs, by the first part of its path under host/. */
const STAGES: ReadonlyMap<string, string> = new Map([
  ["source", "source"],
  ["tracker", "tracker"],
  ["resolver", "resolver"],
  ["diff", "diff"],
  ["scheduler", "scheduler"],
  ["sandbox", "sandbox"],
  // The sandbox's doorkeeper: the handshake asks it what to grant.
  ["broker", "sandbox"],
  ["capabilities", "capabilities"],
]);

/** What any stage may know of another: contracts without a line of behaviour. */
const CONTRACTS: ReadonlySet<string> = new Set(["host/capabilities/capability.ts"]);

/** Packages that only tests use. */
const TEST_PACKAGES = /^npm:\/?(axe-core|fast-check|playwright-core)@/;

function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.startsWith("tests/");
}

function isPackage(target: string): boolean {
  return /^(npm|node):/.test(target);
}

function folderOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

function stageOf(path: string): string | undefined {
  const stage = /^host\/([a-z_]+)/.exec(path)?.[1];
  return stage === undefined ? undefined : STAGES.get(stage);
}

/** What a room's product code may import; the reason is what a violation says. */
interface Arrow {
  readonly room: RegExp;
  readonly reason: string;
  readonly allows: (edge: Import) => boolean;
}

const ARROWS: readonly Arrow[] = [
  {
    room: /^schemas\//,
    reason: "schemas imports valibot only",
    allows: ({ to }) => /^schemas\//.test(to) || /^npm:\/?valibot@/.test(to),
  },
  {
    room: /^plugins\/sdk\//,
    reason: "the SDK imports schemas, valibot and itself",
    allows: ({ to }) => /^(schemas|plugins\/sdk)\//.test(to) || /^npm:\/?valibot@/.test(to),
  },
  {
    room: /^(plugins|examples)\//,
    // The schemas are behind the door: a copy of the plugin elsewhere has no path to them.
    reason: 'a plugin imports "weir" and its own folder, as a third party\'s does',
    allows: ({ from, to, specifier }) => specifier === "weir" || folderOf(to) === folderOf(from),
  },
  {
    room: /^mod\.ts$/,
    reason: "the door opens on schemas and the SDK, so that no plugin's bundle holds host code",
    allows: ({ to }) => /^(schemas|plugins\/sdk)\//.test(to),
  },
  {
    room: /^host\//,
    reason: "the host imports schemas, the host and packages, never a plugin nor a test",
    // deno.json holds the version.
    allows: ({ to }) => /^(schemas|host)\//.test(to) || isPackage(to) || to === "deno.json",
  },
];

/** What is loaded by name and not by import, so that only tests import it. */
const ENTRY = /(^|\/)(plugin|main|mod|bootstrap|\w+_child)\.ts$/;

/** Beyond its room's arrows a test may use packages, the kit, and the door as an author does. */
function testMay({ to, specifier }: Import): boolean {
  return isPackage(to) || /^tests\/kit\//.test(to) || specifier === "weir";
}

/**
 * Holds imports against the arrows.
 *
 * @param imports The graph.
 * @returns One line per violation.
 */
export function brokenArrows(imports: readonly Import[]): string[] {
  const broken: string[] = [];
  const say = ({ from, to }: Import, reason: string) =>
    broken.push(`${from} imports ${to}: ${reason}`);
  const used = new Set(imports.filter((edge) => !isTest(edge.from)).map((edge) => edge.to));
  const onlyTestsUse = new Set(
    imports.filter(({ from, to }) => isTest(from) && !used.has(to) && !ENTRY.test(to))
      .map((edge) => edge.to),
  );
  for (const edge of imports) {
    const { from, to, specifier } = edge;
    const test = isTest(from) || onlyTestsUse.has(from);
    const arrow = ARROWS.find(({ room }) => room.test(from));
    if (arrow !== undefined && !arrow.allows(edge) && !(test && testMay(edge))) {
      say(edge, arrow.reason);
    }
    if (/^(https?|jsr|npm):/.test(specifier)) {
      say(edge, "packages are named in deno.json, and come from npm");
    }
    if (!test && TEST_PACKAGES.test(to)) {
      say(edge, "the package is for tests");
    }
    const [mine, other] = [stageOf(from), stageOf(to)];
    if (
      !test && mine !== undefined && other !== undefined && mine !== other && !CONTRACTS.has(to)
    ) say(edge, "a stage of the flow does not know its neighbours: host/main.ts wires them");
  }
  return broken;
}
