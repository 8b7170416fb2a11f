import assert from "node:assert/strict";
import { readAuthorization } from "./authorization.ts";

/** What a name and a password of the URL come to, and beside which other variables. */
const CASES: readonly (readonly [string, Readonly<Record<string, string>>, string | undefined])[] =
  [
    ["http://collector:4318", {}, undefined],
    // RFC 7617's own examples.
    ["http://Aladdin:open%20sesame@collector", {}, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ["http://test:123%C2%A3@collector", {}, "Basic dGVzdDoxMjPCow=="],
    ["http://token@collector", {}, "Basic dG9rZW46"],
    ["http://me:100%@collector", {}, "Basic bWU6MTAwJQ=="],
    ["http://me:pw@c", { OTEL_EXPORTER_OTLP_HEADERS: "x=1, authorization=Bearer%20t" }, undefined],
    [
      "http://me:pw@c",
      { OTEL_EXPORTER_OTLP_TRACES_HEADERS: "Authorization=Bearer%20t" },
      undefined,
    ],
    ["http://me:pw@c", { OTEL_EXPORTER_OTLP_HEADERS: "x-authorization=1" }, "Basic bWU6cHc="],
  ];

for (const [url, variables, authorization] of CASES) {
  const others = Object.entries(variables).join(" ");
  Deno.test(`${url} ${others} is asked with ${authorization}`, () => {
    assert.equal(readAuthorization((name) => variables[name], url), authorization);
  });
}
