import assert from "node:assert/strict";
import { type ExportSettings, readExportSettings } from "./settings.ts";

const ENDPOINT = "http://collector:4318";
const OTLP = { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT };

function read(variables: Readonly<Record<string, string>>, configured?: string) {
  return readExportSettings((name) => variables[name], configured);
}

const PLAIN: ExportSettings = {
  endpoint: ENDPOINT,
  configured: false,
  protocol: "http/protobuf",
  tls: undefined,
  sampling: { type: "always" },
  queue: { size: 2048, batch: 128, delay: 5_000, timeout: 30_000 },
};

const silent: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["nothing is set", {}],
  ["the endpoint is empty", { OTEL_EXPORTER_OTLP_ENDPOINT: " " }],
  ["only a protocol is set", { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }],
  ["the SDK is disabled", { ...OTLP, OTEL_SDK_DISABLED: "TRUE" }],
  ["the exporter is none", { ...OTLP, OTEL_TRACES_EXPORTER: "none" }],
  ["the sampler is off", { ...OTLP, OTEL_TRACES_SAMPLER: "always_off" }],
  ["the parent's sampler is off", { ...OTLP, OTEL_TRACES_SAMPLER: "parentbased_always_off" }],
];

for (const [what, variables] of silent) {
  Deno.test(`no traces are sent, without a word, when ${what}`, () => {
    assert.deepEqual(read(variables), { settings: undefined, warnings: [] });
  });
}

const sent: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
  ["an endpoint is enough", OTLP, {}],
  [
    "the endpoint for traces wins",
    { ...OTLP, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t/v1/traces" },
    { endpoint: "http://t/v1/traces" },
  ],
  [
    "the files of TLS, those for traces before the others",
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://t",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca",
      OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: "/ca-of-traces",
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: "/crt",
      OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key",
    },
    {
      endpoint: "https://t",
      tls: { authorities: ["/ca-of-traces"], certificate: "/crt", key: "/key" },
    },
  ],
  [
    "the exporter by its name is enough",
    { OTEL_TRACES_EXPORTER: "otlp" },
    { endpoint: "http://localhost:4318" },
  ],
  ["not disabled", { ...OTLP, OTEL_SDK_DISABLED: "yes" }, {}],
  [
    "the protocol for traces wins",
    {
      ...OTLP,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
    },
    { protocol: "http/json" },
  ],
  [
    "a tenth",
    { ...OTLP, OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.1" },
    { sampling: { type: "ratio", ratio: 0.1 } },
  ],
  ["all by ratio", { ...OTLP, OTEL_TRACES_SAMPLER: "traceidratio" }, {}],
  [
    "the queue",
    {
      ...OTLP,
      OTEL_BSP_MAX_QUEUE_SIZE: "100",
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_BSP_EXPORT_TIMEOUT: "60",
    },
    { queue: { size: 100, batch: 100, delay: 50, timeout: 60 } },
  ],
];

for (const [what, variables, settings] of sent) {
  Deno.test(`traces are sent as the variables say: ${what}`, () => {
    assert.deepEqual(read(variables), { settings: { ...PLAIN, ...settings }, warnings: [] });
  });
}

Deno.test("an endpoint of the configuration is one too, and a variable wins over it", () => {
  assert.deepEqual(read({}, "http://configured:4318").settings, {
    ...PLAIN,
    endpoint: "http://configured:4318",
    configured: true,
  });
  assert.deepEqual(read(OTLP, "http://configured:4318").settings, PLAIN);
  assert.equal(read({ OTEL_SDK_DISABLED: "true" }, "http://configured:4318").settings, undefined);
});

const wrong: readonly (readonly [Readonly<Record<string, string>>, object | undefined, string])[] =
  [
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      undefined,
      'Cannot use OTEL_EXPORTER_OTLP_PROTOCOL "grpc": weir speaks http/protobuf and http/json, ' +
      "which collectors take on port 4318; no traces are sent",
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" },
      undefined,
      'Cannot use OTEL_EXPORTER_OTLP_ENDPOINT "collector:4317": it must be a URL with http or ' +
      "https; no traces are sent",
    ],
    [
      { OTEL_TRACES_EXPORTER: "zipkin" },
      undefined,
      'Cannot use OTEL_TRACES_EXPORTER "zipkin": there are otlp and none; no traces are sent',
    ],
    [
      { OTEL_TRACES_SAMPLER: "jaeger_remote" },
      {},
      'Cannot use OTEL_TRACES_SAMPLER "jaeger_remote": there are always_on, always_off and ' +
      "traceidratio, each also with parentbased_ before it; every trace is sent",
    ],
    [
      { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" },
      {},
      'Cannot use OTEL_TRACES_SAMPLER_ARG "2": it must be from 0 to 1; every trace is sent',
    ],
    [
      { OTEL_BSP_MAX_QUEUE_SIZE: "1000000000" },
      {},
      'Cannot use OTEL_BSP_MAX_QUEUE_SIZE "1000000000": it must be a whole number from 1 to 65536; ' +
      "2048 holds",
    ],
    [
      { OTEL_BSP_SCHEDULE_DELAY: "0" },
      {},
      'Cannot use OTEL_BSP_SCHEDULE_DELAY "0": it must be a whole number from 1 on; 5000 holds',
    ],
  ];

for (const [variables, settings, warning] of wrong) {
  const [[name, value] = []] = Object.entries(variables).slice(-1);
  Deno.test(`${name}=${value} is told and stops nothing`, () => {
    assert.deepEqual(read({ ...OTLP, ...variables }), {
      settings: settings === undefined ? undefined : { ...PLAIN, ...settings },
      warnings: [warning],
    });
  });
}
