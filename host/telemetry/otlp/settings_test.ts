import assert from "node:assert/strict";
import { type ExportSettings, readExportSettings } from "./settings.ts";

const ENDPOINT = "http://collector:4318";
const OTLP = { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT };

function read(variables: Readonly<Record<string, string>>, configured?: string) {
  return readExportSettings((name) => variables[name], configured);
}

const ATTRIBUTES = { count: 128, length: Infinity } as const;

const PLAIN: ExportSettings = {
  url: `${ENDPOINT}/v1/traces`,
  authorization: undefined,
  protocol: "http/protobuf",
  tls: undefined,
  sampling: { type: "always" },
  limits: {
    attributes: ATTRIBUTES,
    eventAttributes: ATTRIBUTES,
    linkAttributes: ATTRIBUTES,
    events: 128,
    links: 128,
  },
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
    assert.deepEqual(read(variables), { settings: undefined, warnings: [], notes: [] });
  });
}

const sent: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
  ["an endpoint is enough", OTLP, {}],
  [
    "the endpoint for traces wins",
    { ...OTLP, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t/v1/traces" },
    { url: "http://t/v1/traces" },
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
      url: "https://t/v1/traces",
      tls: {
        authorities: [{ path: "/ca-of-traces", variable: "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE" }],
        certificate: { path: "/crt", variable: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" },
        key: { path: "/key", variable: "OTEL_EXPORTER_OTLP_CLIENT_KEY" },
      },
    },
  ],
  [
    "the exporter by its name is enough",
    { OTEL_TRACES_EXPORTER: "otlp" },
    { url: "http://localhost:4318/v1/traces" },
  ],
  ["not disabled", { ...OTLP, OTEL_SDK_DISABLED: "False" }, {}],
  [
    "an endpoint's path and query stay",
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://t/tenant/?token=a" },
    { url: "http://t/tenant/v1/traces?token=a" },
  ],
  [
    "choices are alike in capitals",
    {
      OTEL_TRACES_EXPORTER: "none, OTLP",
      OTEL_EXPORTER_OTLP_PROTOCOL: "HTTP/JSON",
      OTEL_TRACES_SAMPLER: "ParentBased_TraceIdRatio",
      OTEL_TRACES_SAMPLER_ARG: "0.5",
    },
    {
      url: "http://localhost:4318/v1/traces",
      protocol: "http/json",
      sampling: { type: "ratio", ratio: 0.5 },
    },
  ],
  [
    "lists of pairs",
    {
      ...OTLP,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Basic%20a,x-b=a=b,",
      OTEL_RESOURCE_ATTRIBUTES: "a=b, c = d ,e=,",
    },
    {},
  ],
  [
    "limits, those of spans before those of all attributes",
    {
      ...OTLP,
      OTEL_ATTRIBUTE_COUNT_LIMIT: "1",
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "2",
      OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3",
      OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "4",
      OTEL_SPAN_EVENT_COUNT_LIMIT: "5",
      OTEL_SPAN_LINK_COUNT_LIMIT: "0",
      OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "6",
      OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: "7",
    },
    {
      limits: {
        attributes: { count: 2, length: 4 },
        eventAttributes: { count: 6, length: 3 },
        linkAttributes: { count: 7, length: 3 },
        events: 5,
        links: 0,
      },
    },
  ],
  [
    "limits of all attributes",
    { ...OTLP, OTEL_ATTRIBUTE_COUNT_LIMIT: "1", OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3" },
    {
      limits: {
        ...PLAIN.limits,
        attributes: { count: 1, length: 3 },
        eventAttributes: { count: 128, length: 3 },
        linkAttributes: { count: 128, length: 3 },
      },
    },
  ],
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
  [
    "as soon as there is something",
    { ...OTLP, OTEL_BSP_SCHEDULE_DELAY: "0" },
    { queue: { ...PLAIN.queue, delay: 0 } },
  ],
];

for (const [what, variables, settings] of sent) {
  Deno.test(`traces are sent as the variables say: ${what}`, () => {
    assert.deepEqual(read(variables), {
      settings: { ...PLAIN, ...settings },
      warnings: [],
      notes: [],
    });
  });
}

Deno.test("an endpoint of the configuration is one too, and a variable wins over it", () => {
  assert.deepEqual(read({}, "http://configured:4318").settings, {
    ...PLAIN,
    url: "http://configured:4318/v1/traces",
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
      { OTEL_BSP_EXPORT_TIMEOUT: "0" },
      {},
      'Cannot use OTEL_BSP_EXPORT_TIMEOUT "0": it must be a whole number from 1 on; 30000 holds',
    ],
    [
      { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "4096" },
      {},
      'Cannot use OTEL_BSP_MAX_EXPORT_BATCH_SIZE "4096": it must be a whole number from 1 to 2048; ' +
      "128 holds",
    ],
    [
      { OTEL_TRACES_EXPORTER: "otlp,console" },
      {},
      'Cannot use OTEL_TRACES_EXPORTER "otlp,console": there are otlp and none; otlp holds',
    ],
    [
      { OTEL_SDK_DISABLED: "yes" },
      {},
      'Cannot use OTEL_SDK_DISABLED "yes": it must be true or false; false holds',
    ],
    [
      { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "-1" },
      {},
      'Cannot use OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT "-1": it must be a whole number from 0 on; ' +
      "there is no limit",
    ],
    [
      { OTEL_EXPORTER_OTLP_HEADERS: "x=1,s3cret" },
      {},
      "Cannot use entry 2 of OTEL_EXPORTER_OTLP_HEADERS: it is not name=value; it is left out",
    ],
    [
      { OTEL_EXPORTER_OTLP_HEADERS: "x=s3cret%ZZ" },
      {},
      'Cannot use entry 1 of OTEL_EXPORTER_OTLP_HEADERS: it ("x") has a % that encodes nothing; it ' +
      "is left out",
    ],
    [
      { OTEL_EXPORTER_OTLP_TRACES_HEADERS: "api key=s3cret" },
      {},
      "Cannot use entry 1 of OTEL_EXPORTER_OTLP_TRACES_HEADERS: no header can be named " +
      '"api key"; nothing can be sent with it',
    ],
    [
      { OTEL_RESOURCE_ATTRIBUTES: "a=b,c=d=e" },
      {},
      'Cannot use OTEL_RESOURCE_ATTRIBUTES: entry 2 "c=d=e" is not name=value (a = in a value is ' +
      "%3D); none of them is used",
    ],
    [
      { OTEL_RESOURCE_ATTRIBUTES: "a=%" },
      {},
      'Cannot use OTEL_RESOURCE_ATTRIBUTES: entry 1 "a=%" has a % that encodes nothing; none of ' +
      "them is used",
    ],
  ];

for (const [variables, settings, warning] of wrong) {
  const [[name, value] = []] = Object.entries(variables).slice(-1);
  Deno.test(`${name}=${value} is told and stops nothing`, () => {
    assert.deepEqual(read({ ...OTLP, ...variables }), {
      settings: settings === undefined ? undefined : { ...PLAIN, ...settings },
      warnings: [warning],
      notes: [],
    });
  });
}

Deno.test("half of weir's own certificate is told of, and not used", () => {
  const { settings, warnings } = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector",
    OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key",
  });
  assert.equal(settings?.tls?.key, undefined);
  assert.deepEqual(warnings, [
    'Cannot use OTEL_EXPORTER_OTLP_CLIENT_KEY "/key": OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE ' +
    "belongs to it and is not set; neither is used",
  ]);
});

Deno.test("what the specification has and weir has no use for is named with the reason", () => {
  const { notes } = read({
    ...OTLP,
    OTEL_EXPORTER_OTLP_INSECURE: "true",
    OTEL_PROPAGATORS: "b3",
    OTEL_LOG_LEVEL: "debug",
  });
  assert.deepEqual(notes, [
    "OTEL_EXPORTER_OTLP_INSECURE has no effect: it is for grpc; the endpoint's http or https decides",
    "OTEL_PROPAGATORS has no effect: a sync begins its trace itself, and nothing of it leaves the node",
    "OTEL_LOG_LEVEL has no effect: -v and --vmodule say how much is logged",
  ]);
  assert.deepEqual(read({ OTEL_PROPAGATORS: "b3" }).notes, [], "when no traces are sent");
});
