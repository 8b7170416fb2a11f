/**
 * The JSON Schema of the configuration documents, for editors and pipelines.
 *
 * @module
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import { KUBE_PROXY_DOCUMENT, KubeProxySchema } from "../../../schemas/config/kube_proxy.ts";
import { WEIR_DOCUMENT, WeirSchema } from "../../../schemas/config/weir.ts";

/** A JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

function documentSchema(
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  schema: typeof KubeProxySchema | typeof WeirSchema,
): JsonSchema {
  // What only a function checks, such as an address, has no word in JSON Schema.
  const { $schema: _, properties, ...rest } = toJsonSchema(schema, {
    typeMode: "input",
    errorMode: "ignore",
    target: "draft-2020-12",
  });
  return {
    ...rest,
    title: kind,
    properties: { apiVersion: { const: apiVersion }, kind: { const: kind }, ...properties },
    required: ["apiVersion", "kind"],
  };
}

/**
 * Makes the schema that each document of a file fits: a KubeProxyConfiguration or a
 * WeirConfiguration.
 *
 * @returns A JSON Schema, draft 2020-12.
 */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A document of weir's configuration file",
    oneOf: [{ $ref: "#/$defs/KubeProxyConfiguration" }, { $ref: "#/$defs/WeirConfiguration" }],
    $defs: {
      KubeProxyConfiguration: documentSchema(KUBE_PROXY_DOCUMENT, KubeProxySchema),
      WeirConfiguration: documentSchema(WEIR_DOCUMENT, WeirSchema),
    },
  };
}
