/**
 * The shape of a schema: which fields a document may have, at which depth.
 *
 * @module
 */
import type * as v from "valibot";

/** What may stand at a place of a document. */
export type SchemaShape =
  | { readonly type: "fields"; readonly fields: ReadonlyMap<string, SchemaShape> }
  | { readonly type: "list"; readonly entry: SchemaShape }
  | { readonly type: "map"; readonly value: SchemaShape }
  | { readonly type: "value" };

/** What schemas of valibot have inside, as far as documents use it: which, is not in their type. */
interface Inside extends v.GenericSchema {
  readonly pipe?: readonly v.GenericSchema[];
  readonly wrapped?: v.GenericSchema;
  readonly entries?: Readonly<Record<string, v.GenericSchema>>;
  readonly item?: v.GenericSchema;
  readonly value?: v.GenericSchema;
}

/**
 * Finds a schema's shape.
 *
 * @param schema Of a document or a part of one.
 * @returns The shape.
 */
export function schemaShape(schema: v.GenericSchema): SchemaShape {
  const { pipe, wrapped, entries, item, value } = schema as Inside;
  const inner = wrapped ?? (pipe?.[0] === schema ? undefined : pipe?.[0]);
  if (inner !== undefined) return schemaShape(inner);
  if (entries !== undefined) {
    const fields = Object.entries(entries).map(([key, entry]) =>
      [key, schemaShape(entry)] as const
    );
    return { type: "fields", fields: new Map(fields) };
  }
  if (item !== undefined) return { type: "list", entry: schemaShape(item) };
  if (value !== undefined) return { type: "map", value: schemaShape(value) };
  return { type: "value" };
}

/**
 * Lists the fields that have no fields themselves.
 *
 * @param schema Of a document.
 * @returns Dotted paths; a list or map is one.
 */
export function schemaLeaves(schema: v.GenericSchema): string[] {
  const leaves = (shape: SchemaShape, at: readonly string[]): string[] =>
    shape.type === "fields"
      ? [...shape.fields].flatMap(([key, inner]) => leaves(inner, [...at, key]))
      : [at.join(".")];
  return leaves(schemaShape(schema), []);
}
