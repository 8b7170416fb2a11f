import assert from "node:assert/strict";
import { debugFlagsRoutes } from "./debug_flags.ts";

const CASES: readonly (readonly [string, string, number, string, readonly number[]])[] = [
  ["PUT", "4", 200, "successfully set klog.logging.verbosity to 4", [4]],
  ["PUT", "+4", 200, "successfully set klog.logging.verbosity to +4", [4]],
  ["PUT", "-1", 200, "successfully set klog.logging.verbosity to -1", [-1]],
  [
    "PUT",
    "high",
    400,
    'failed set klog.logging.verbosity high: strconv.ParseInt: parsing "high": invalid syntax',
    [],
  ],
  [
    "PUT",
    "",
    400,
    'failed set klog.logging.verbosity : strconv.ParseInt: parsing "": invalid syntax',
    [],
  ],
  [
    "PUT",
    "2147483648",
    400,
    "failed set klog.logging.verbosity 2147483648: strconv.ParseInt: " +
    'parsing "2147483648": value out of range',
    [],
  ],
  ["POST", "4", 406, "unsupported http method", []],
];

for (const [method, body, status, answer, expected] of CASES) {
  Deno.test(`${method} of "${body}" to /debug/flags/v answers ${status}`, async () => {
    const levels: number[] = [];
    const app = debugFlagsRoutes((level) => levels.push(level));
    const response = await app.request("/debug/flags/v", { method, body });
    assert.equal(response.status, status);
    assert.equal(response.headers.get("content-type"), "text/plain");
    assert.equal(await response.text(), `${answer}\n`);
    assert.deepEqual(levels, expected);
  });
}

Deno.test("/debug/flags/v cannot be read, and /debug/flags/ says what there is", async () => {
  const app = debugFlagsRoutes(() => {});
  assert.equal((await app.request("/debug/flags/v")).status, 406);
  assert.match(await (await app.request("/debug/flags/")).text(), /\/debug\/flags\/v/);
});

Deno.test("a body without end is not read to its end, and no level is set", async () => {
  const levels: number[] = [];
  let pulled = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => {
      controller.enqueue(new Uint8Array(50).fill(0x30));
      if (++pulled === 100) controller.close();
    },
  });
  const app = debugFlagsRoutes((level) => levels.push(level));
  const response = await app.request("/debug/flags/v", { method: "PUT", body });
  assert.equal(response.status, 400);
  assert.equal(await response.text(), "the body is too long\n");
  assert.ok(pulled < 10, `${pulled} pieces were read`);
  assert.deepEqual(levels, []);
});
