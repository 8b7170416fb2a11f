/**
 * What the documentation of a symbol must say, held against `deno doc --json`.
 *
 * @module
 */
import * as v from "valibot";

const JsDocSchema = v.object({
  doc: v.optional(v.string()),
  tags: v.optional(v.array(v.looseObject({
    kind: v.string(),
    name: v.optional(v.string()),
    doc: v.optional(v.string()),
    tsType: v.optional(v.looseObject({ repr: v.optional(v.string()) })),
  }))),
});

const TypeSchema = v.looseObject({ kind: v.optional(v.string()), repr: v.optional(v.string()) });

const ParamSchema = v.looseObject({
  kind: v.string(),
  name: v.optional(v.string()),
  tsType: v.optional(TypeSchema),
  left: v.optional(v.looseObject({ name: v.optional(v.string()), tsType: v.optional(TypeSchema) })),
});

const MemberSchema = v.looseObject({
  name: v.string(),
  jsDoc: v.optional(JsDocSchema),
  tsType: v.optional(TypeSchema),
});

const FunctionSchema = v.looseObject({
  params: v.optional(v.array(ParamSchema)),
  returnType: v.optional(v.looseObject({
    kind: v.optional(v.string()),
    repr: v.optional(v.string()),
    value: v.optional(v.unknown()),
  })),
});

const MethodsSchema = v.looseObject({
  methods: v.optional(
    v.array(v.looseObject({
      name: v.string(),
      accessibility: v.optional(v.string()),
      isOverride: v.optional(v.boolean()),
      jsDoc: v.optional(JsDocSchema),
    })),
    [],
  ),
});

/** The part of `deno doc --json` that is read. Source: Deno 2.9.6, version 2 of the format. */
const DocSchema = v.object({
  version: v.literal(2),
  nodes: v.record(
    v.string(),
    v.looseObject({
      symbols: v.optional(
        v.array(v.object({
          name: v.string(),
          declarations: v.array(v.looseObject({
            kind: v.string(),
            declarationKind: v.string(),
            location: v.object({ filename: v.string(), line: v.number() }),
            jsDoc: v.optional(JsDocSchema),
            def: v.optional(v.unknown()),
          })),
        })),
        [],
      ),
    }),
  ),
});

/** How much a symbol's documentation must say. */
export type Demand =
  /** Exported from one file to another: what, @param, @returns. */
  | "shared"
  /** Handed out by the doors: besides, numbers with their units, and a runnable @example. */
  | "public";

/**
 * What any number's documentation must hold one of: a unit, a range, or what is counted. 1 what?
 */
const UNIT =
  /\d|words?\b|elements?|messages?|milliseconds?|seconds?|\bms\b|bytes?|bits?|epoch|counts?|counted|number of|how many|index|revision|handle|identifier|errno|ratio|percent|prefix|version|priority/i;

function isNumber(type: v.InferOutput<typeof TypeSchema> | undefined): boolean {
  return type?.kind === "keyword" && type.repr === "number";
}

function returnsNothing(type: v.InferOutput<typeof FunctionSchema>["returnType"]): boolean {
  if (type === undefined) return true;
  if (type.kind === "keyword" && ["void", "never"].includes(type.repr ?? "")) return true;
  if (type.kind === "typePredicate" || type.kind === "this") return false;
  return type.repr === "Promise" && JSON.stringify(type.value).includes('"repr":"void"');
}

function faultsOfFunction(
  shape: v.InferOutput<typeof FunctionSchema>,
  jsDoc: v.InferOutput<typeof JsDocSchema> | undefined,
  demand: Demand,
): string[] {
  const tags = jsDoc?.tags ?? [];
  const faults: string[] = [];
  for (const param of shape.params ?? []) {
    const name = param.name ?? param.left?.name;
    // A pattern or rest element has no one name; its type is documented where it is declared.
    if (name === undefined) continue;
    const tag = tags.find((one) => one.kind === "param" && one.name === name);
    if ((tag?.doc ?? "").trim() === "") faults.push(`no @param ${name}`);
    else if (demand === "public" && isNumber(param.tsType ?? param.left?.tsType)) {
      if (!UNIT.test(tag?.doc ?? "")) faults.push(`@param ${name}: a number without unit or range`);
    }
  }
  const returned = tags.find((one) => one.kind === "return");
  if (!returnsNothing(shape.returnType) && (returned?.doc ?? "").trim() === "") {
    faults.push("no @returns");
  }
  for (const { kind, tsType, doc } of tags) {
    if (kind === "throws" && tsType?.repr === "WeirError" && !/WEIR_[A-Z]|code/.test(doc ?? "")) {
      faults.push("@throws {WeirError} without its code");
    }
  }
  return faults;
}

/** Of the overloads of a method one is described, and an override is described where it began. */
function undescribedMethods(methods: v.InferOutput<typeof MethodsSchema>["methods"]): string[] {
  const described = new Set(
    methods.filter(({ jsDoc, isOverride, accessibility }) =>
      isOverride === true || accessibility === "private" || (jsDoc?.doc ?? "").trim() !== "" ||
      (jsDoc?.tags ?? []).some((tag) => tag.kind === "return")
    ).map(({ name }) => name),
  );
  return [...new Set(methods.map(({ name }) => name))].filter((name) => !described.has(name));
}

/**
 * Holds documentation against the demand.
 *
 * @param text What `deno doc --json` prints.
 * @param root URL of the repository's root, with a `/` at its end.
 * @param demand How much must be said.
 * @returns One line per fault.
 */
export function undocumented(text: string, root: string, demand: Demand): string[] {
  const { nodes } = v.parse(DocSchema, JSON.parse(text));
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const { symbols } of Object.values(nodes)) {
    for (const { name, declarations } of symbols) {
      for (const { kind, declarationKind, location, jsDoc, def } of declarations) {
        if (declarationKind !== "export" || name === "default") continue;
        const place = `${location.filename.replace(root, "")}:${location.line}: ${name}`;
        // What is handed on is documented where it is declared.
        if (seen.has(place) || kind === "reference") continue;
        seen.add(place);
        const say = (fault: string) => faults.push(`${place}: ${fault}`);
        const tags = jsDoc?.tags ?? [];
        const described = (jsDoc?.doc ?? "").trim() !== "" ||
          (demand === "shared" && tags.some((tag) => tag.kind === "return"));
        if (!described) say("says nothing of what it is");
        if (kind === "function") {
          for (const fault of faultsOfFunction(v.parse(FunctionSchema, def), jsDoc, demand)) {
            say(fault);
          }
        }
        if (kind === "class" || kind === "interface") {
          const { methods } = v.parse(MethodsSchema, def ?? {});
          for (const method of undescribedMethods(methods)) {
            say(`${method}() says nothing of what it does`);
          }
        }
        if (demand !== "public") continue;
        // Of a class often only instances are handed out: what makes them shows them.
        if (kind === "function" && !tags.some((tag) => tag.kind === "example")) {
          say("no @example");
        }
        const { properties } = v.parse(
          v.looseObject({ properties: v.optional(v.array(MemberSchema), []) }),
          def ?? {},
        );
        for (const property of properties) {
          if (isNumber(property.tsType) && !UNIT.test(property.jsDoc?.doc ?? "")) {
            say(`${property.name}: a number without unit or range`);
          }
        }
      }
    }
  }
  return faults;
}

/**
 * The errors of `deno doc --lint`, without those that valibot's inferred types cause: their
 * definition is the schema, and that is in the same file.
 *
 * @param text What it prints, without colours.
 * @param root Path of the repository's root, with a `/` at its end.
 * @returns One line per error.
 */
export function docLintErrors(text: string, root: string): string[] {
  const errors = text.matchAll(/^error\[([a-z-]+)\]: (.*)\n\s*--> (.*)$/gm);
  return [...errors].flatMap(([, kind = "", message = "", place = ""]) => {
    const inferred = kind === "private-type-ref" &&
      /references private type '(?:InferOutput|\w+Schema)'/.test(message);
    return inferred ? [] : [`${place.replace(root, "")}: ${message}`];
  });
}
