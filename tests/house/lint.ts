/**
 * weir's own lint rules: what can be said by looking at one file. `deno lint` loads this file
 * (deno.json, `lint.plugins`), so an editor shows the same; code_test.ts runs it over the tree.
 *
 * @module
 */

/** What the rules must know of a file's place. */
interface Place {
  /** From the repository's root, `/` between parts. */
  readonly path: string;
  readonly test: boolean;
}

const ROOMS = /(?:^|\/)((?:schemas|host|plugins|tests|examples)\/.+|mod\.ts)$/;

function placeOf(filename: string): Place | undefined {
  const path = ROOMS.exec(filename.replaceAll("\\", "/"))?.[1];
  return path === undefined ? undefined : { path, test: path.endsWith("_test.ts") };
}

function isProduct({ path, test }: Place): boolean {
  return !test && !path.startsWith("tests/");
}

/** The places that may load code by name, each with its reason. */
const DYNAMIC: readonly RegExp[] = [
  // The door starts the host, which a plugin's bundle must not carry along.
  /^mod\.ts$/,
  // A proxy that runs for months need not hold what only a subcommand needs.
  /^host\/main\.ts$/,
  // Most who ask for a difference do not ask for rules, which takes what plugins stand on.
  /^host\/cli\/diff\.ts$/,
  // A proxy that follows the API server need not hold the parser of YAML, nor the other undici.
  /^host\/source\/open\.ts$/,
  // Nor need one without a configuration file, or that writes none.
  /^host\/config\/(resolve|write)\.ts$/,
  // The bootstrap imports the plugin's text from a data: URL; that is what a sandbox is for.
  /^host\/sandbox\/bootstrap[a-z_]*\.ts$/,
  // OpenTelemetry's SDK costs 15 MB: it is loaded only when an OTLP endpoint is configured.
  /^host\/telemetry\/running_tracing\.ts$/,
  // Who never looks at the page need not hold it.
  /^host\/routes\/page\.ts$/,
  // The inspector and the encoder of profiles are loaded by whoever asks for a profile.
  /^host\/profiles\/[a-z_]+\.ts$/,
  // Explanations are imported when somebody asks for the first.
  /^host\/explain\/insight\.ts$/,
  /^host\/cli\/(cli|commands)\.ts$/,
  // playwright-core has to be told something before it is imported.
  /^tests\/page\/browser\.ts$/,
  // Whose proxier the conformance suite tests is said on the command line.
  /^tests\/conformance\/proxier\.ts$/,
];

/** The middle of the flow and all that a plugin is: given equal input they give equal output. */
const PURE: readonly RegExp[] = [
  /^schemas\//,
  /^host\/(tracker|resolver|diff|scheduler)(\.ts|\/)/,
  /^plugins\/(?!sdk\/)/,
  /^plugins\/sdk\/nft\//,
];

/** The main modules of processes: weir, the sandbox, and short-lived children. */
const PROGRAMS: readonly RegExp[] = [
  /^host\/main\.ts$/,
  /^host\/sandbox\/bootstrap\.ts$/,
  /^host\/.+_child\.ts$/,
];

/** Calls and members that read the world or change it. */
const IMPURE: ReadonlySet<string> = new Set([
  "Date.now",
  "performance.now",
  "Math.random",
  "crypto.getRandomValues",
  "crypto.randomUUID",
  "setTimeout",
  "setInterval",
  "queueMicrotask",
  "fetch",
]);

function nameOf(node: Deno.lint.Node): string {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression" || node.computed) return "";
  if (node.object.type !== "Identifier" || node.property.type !== "Identifier") return "";
  return `${node.object.name}.${node.property.name}`;
}

/** How a literal or template begins and ends; undefined for anything else. */
function edgesOf(node: Deno.lint.Node | undefined): { head: string; tail: string } | undefined {
  if (node?.type === "Literal" && typeof node.value === "string") {
    return { head: node.value, tail: node.value };
  }
  if (node?.type === "TemplateLiteral") {
    const [first] = node.expressions;
    const carried = first?.type === "MemberExpression" && /\.message$/.test(nameOf(first));
    // A message that only adds to another's was begun where that was written.
    if (carried && node.quasis[0]?.cooked === "") return undefined;
    return { head: node.quasis[0]?.cooked ?? "", tail: node.quasis.at(-1)?.cooked ?? "" };
  }
  if (node?.type === "BinaryExpression" && node.operator === "+") {
    const head = edgesOf(node.left)?.head;
    return head === undefined ? undefined : { head, tail: edgesOf(node.right)?.tail ?? "" };
  }
  return undefined;
}

type Visitors = (
  place: Place,
  report: (node: Deno.lint.Node, message: string) => void,
) => Deno.lint.LintVisitor;

function rule(visitors: Visitors): Deno.lint.Rule {
  return {
    create(context) {
      const place = placeOf(context.filename);
      if (place === undefined) return {};
      return visitors(place, (node, message) => context.report({ node, message }));
    },
  };
}

const noEnum = rule((_place, report) => ({
  TSEnumDeclaration(node) {
    report(node, "an enum is not erasable: write a union of literals");
  },
}));

const defaultExport = rule(({ path }, report) => ({
  ExportDefaultDeclaration(node) {
    // This file is a plugin too: of the linter.
    if (/(^|\/)plugin\.ts$/.test(path) || path === "tests/house/lint.ts") return;
    // Plugins that attack are plugins.
    if (path.startsWith("tests/hostile/")) return;
    report(node, "only a plugin has a default export: export it by name");
  },
}));

const errorMessage = rule(({ test }, report) => ({
  NewExpression(node) {
    if (test || nameOf(node.callee) !== "WeirError") return;
    const edges = edgesOf(node.arguments[1]);
    // A message that arrives from elsewhere (the wire) was checked where it was written.
    if (edges === undefined) return;
    if (!edges.head.startsWith("Cannot ")) report(node, 'an error message begins with "Cannot "');
    if (edges.tail.endsWith(".")) report(node, "an error message has no final period");
  },
}));

const effects = rule((place, report) => ({
  MemberExpression(node) {
    if (!isProduct(place)) return;
    const name = nameOf(node);
    const capability = place.path.startsWith("host/capabilities/");
    if (/^Deno\.(dlopen|Unsafe\w+)$/.test(name) && !capability) {
      report(node, "only host/capabilities/ calls foreign functions");
    }
    if (name === "Deno.Command" && !capability && !place.path.startsWith("host/sandbox/")) {
      report(node, "only host/capabilities/ starts programs, and host/sandbox/ sandboxes");
    }
    if (name === "Deno.exit" && !PROGRAMS.some((program) => program.test(place.path))) {
      report(node, "only a program's main module ends the process: return or throw");
    }
  },
}));

const pure = rule((place, report) => {
  if (!isProduct(place) || !PURE.some((room) => room.test(place.path))) return {};
  return {
    CallExpression(node) {
      if (IMPURE.has(nameOf(node.callee))) {
        report(
          node,
          `${nameOf(node.callee)} here makes equal input give unequal output: pass it in`,
        );
      }
    },
    NewExpression(node) {
      if (nameOf(node.callee) === "Date" && node.arguments.length === 0) {
        report(node, "new Date() reads the clock: pass it in");
      }
    },
    MemberExpression(node) {
      if (/^(Deno|process)\./.test(nameOf(node))) {
        report(node, `${nameOf(node)} is an effect: it belongs to the edge`);
      }
    },
  };
});

const staticImports = rule(({ path, test }, report) => ({
  ImportExpression(node) {
    // What a hostile plugin tries is not what the house does.
    if (
      test || path.startsWith("tests/hostile/plugins/") ||
      DYNAMIC.some((allowed) => allowed.test(path))
    ) return;
    report(node, "imports are static: an import() hides from the graph and from permissions");
  },
}));

/** The rules, under the names that `deno lint` shows. */
const plugin: Deno.lint.Plugin = {
  name: "weir",
  rules: {
    "no-enum": noEnum,
    "default-export": defaultExport,
    "error-message": errorMessage,
    "effects": effects,
    "pure": pure,
    "static-imports": staticImports,
  },
};

export default plugin;
