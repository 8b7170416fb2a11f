import assert from "node:assert/strict";
import { FLAGS } from "./flags.ts";
import { canonicalArguments, parseFlagValue } from "./pflag.ts";

const lines: readonly (readonly [string[], string[]])[] = [
  [["--cluster-cidr=10.0.0.0/8"], ["--cluster-cidr=10.0.0.0/8"]],
  [["--cluster-cidr", "10.0.0.0/8"], ["--cluster-cidr=10.0.0.0/8"]],
  [["--cluster_cidr", "a_b"], ["--cluster-cidr=a_b"]],
  [["--kube_api-burst=3"], ["--kube-api-burst=3"]],
  [["--metrics-bind-address="], ["--metrics-bind-address="]],
  [["--hostname-override", "--masquerade_all"], ["--hostname-override=--masquerade_all"]],
  [["--hostname-override=a=b"], ["--hostname-override=a=b"]],
  [["--masquerade-all"], ["--masquerade-all=true"]],
  [["--masquerade-all=false"], ["--masquerade-all=false"]],
  [["--masquerade-all", "false"], ["--masquerade-all=true", "false"]],
  [["-v=2"], ["--v=2"]],
  [["-v2"], ["--v=2"]],
  [["-v", "2"], ["--v=2"]],
  [["--v=2"], ["--v=2"]],
  [["-h"], ["--help=true"]],
  [["-hv2"], ["--help=true", "--v=2"]],
  [["--kubeconfig"], ["--kubeconfig"]],
  [["--no_such=1", "-x"], ["--no_such", "-x"]],
  [["--v=1", "--", "--v", "2"], ["--v=1", "--", "--v", "2"]],
  [["-"], ["-"]],
];

for (const [args, canonical] of lines) {
  Deno.test(`${args.join(" ")} is read as pflag reads it`, () => {
    assert.deepEqual(canonicalArguments(args, FLAGS), canonical);
  });
}

const values: readonly (readonly [Parameters<typeof parseFlagValue>[0], string, unknown])[] = [
  ["bool", "T", true],
  ["bool", "0", false],
  ["bool", "yes", undefined],
  ["bool", "", undefined],
  ["int32", "10", 10],
  ["int32", "-1", -1],
  ["int32", "+7", 7],
  ["int32", "0x1F", 31],
  ["int32", "017", 15],
  ["int32", "0o17", 15],
  ["int32", "0b101", 5],
  ["int32", "0", 0],
  ["int32", "2147483647", 2147483647],
  ["int32", "-2147483648", -2147483648],
  ["int32", "2147483648", undefined],
  ["int32", "1.5", undefined],
  ["int32", "08", undefined],
  ["int32", "", undefined],
  ["float32", "2.5", 2.5],
  ["float32", "1e3", 1000],
  ["float32", ".5", 0.5],
  ["float32", "1e39", undefined],
  ["float32", "NaN", undefined],
  ["float32", " 1", undefined],
  ["string", " as is ", " as is "],
  ["strings", "a,b", ["a", "b"]],
  ["strings", "a, b,", ["a", " b", ""]],
  ["strings", "", []],
  ["duration", "1h", "1h"],
  ["gates", "A=true,B=false", { A: true, B: false }],
  ["gates", " A = 1 ,, B=F ", { A: true, B: false }],
  ["gates", "", {}],
  ["gates", "A", undefined],
  ["gates", "A=on", undefined],
  ["vmodule", "sync=4,,a*=1", [
    { filePattern: "sync", verbosity: 4 },
    { filePattern: "a*", verbosity: 1 },
  ]],
  ["vmodule", "", []],
  ["vmodule", "=4", undefined],
  ["vmodule", "a=b", undefined],
  ["vmodule", "a=1=2", undefined],
];

for (const [type, text, value] of values) {
  Deno.test(`${type} "${text}" is ${value === undefined ? "refused" : `read as ${JSON.stringify(value)}`}`, () => {
    const read = parseFlagValue(type, text);
    assert.deepEqual("value" in read ? read.value : undefined, value);
  });
}
