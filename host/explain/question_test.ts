import assert from "node:assert/strict";
import { type QuestionWords, readQuestion } from "./question.ts";

const any = { protocol: undefined, from: undefined };
const READ: readonly (readonly [QuestionWords, unknown])[] = [
  [
    { service: "shop/web" },
    { type: "service", namespace: "shop", name: "web", port: undefined, ...any },
  ],
  [{ service: "web:80" }, {
    type: "service",
    namespace: "default",
    name: "web",
    port: "80",
    ...any,
  }],
  [
    { to: "10.96.0.1:80", protocol: "tcp" },
    { type: "address", to: { ip: "10.96.0.1", port: 80 }, protocol: "TCP", from: undefined },
  ],
  [
    { to: "[FD00::0:1]:53", protocol: "UDP", from: "fd00::2" },
    {
      type: "address",
      to: { ip: "fd00::1", port: 53 },
      protocol: "UDP",
      from: { ip: "fd00::2", port: undefined },
    },
  ],
  [{ to: "10.96.0.1" }, { type: "address", to: { ip: "10.96.0.1", port: undefined }, ...any }],
];
for (const [words, question] of READ) {
  Deno.test(`a question is understood: ${JSON.stringify(words)}`, () => {
    assert.deepEqual(readQuestion(words), question);
  });
}

const REFUSED: readonly (readonly [QuestionWords, RegExp])[] = [
  [{}, /give service=namespace\/name/],
  [{ service: "web", to: "10.0.0.1:80" }, /give a Service or an address/],
  [{ service: "Web!" }, /it is no namespace\/name/],
  [{ service: "a/b/c" }, /it is no namespace\/name/],
  [{ service: "a".repeat(500) }, /it is too long/],
  [{ to: "10.96.0.1:0" }, /it is no IP:port/],
  [{ to: "10.96.0.1:99999" }, /it is no IP:port/],
  [{ to: "fd00::1:80x" }, /it is no IP:port/],
  [{ to: "10.96.0.1:80", protocol: "icmp" }, /none of TCP, UDP and SCTP/],
  [{ to: "10.96.0.1:80", from: "fd00::1" }, /of another family/],
  [{ to: "10.96.0.1:80", from: "me" }, /Cannot explain the source "me"/],
];
for (const [words, message] of REFUSED) {
  Deno.test(`a question is refused: ${JSON.stringify(words).slice(0, 60)}`, () => {
    assert.throws(() => readQuestion(words), { code: "WEIR_QUESTION_INVALID", message });
  });
}
