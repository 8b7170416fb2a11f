import assert from "node:assert/strict";
import { type NamespaceRights, withNamespaceRights } from "./namespace.ts";

const ROOT = "CapEff:\t000001ffffffffff\n";
const NOBODY = "CapEff:\t0000000000000000\n";

function rights(
  files: Readonly<Record<string, string>>,
  ok: boolean,
  said = "",
): NamespaceRights {
  return { read: (path) => files[path], tryUserNamespace: async () => ({ ok, said }) };
}

Deno.test("with CAP_SYS_ADMIN a command is run as it is", async () => {
  const command = await withNamespaceRights(
    ["x", "y"],
    rights({ "/proc/self/status": ROOT }, false),
  );
  assert.deepEqual(command, ["x", "y"]);
});

Deno.test("without rights a command is run inside a user namespace", async () => {
  const command = await withNamespaceRights(["x"], rights({ "/proc/self/status": NOBODY }, true));
  assert.deepEqual(command, ["unshare", "--user", "--map-root-user", "--net", "--", "x"]);
});

const obstacles: [file: string, value: string, says: RegExp][] = [
  ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", /sysctl -w kernel\.apparmor/],
  ["/proc/sys/kernel/unprivileged_userns_clone", "0\n", /kernel\.unprivileged_userns_clone=1/],
  ["/proc/sys/user/max_user_namespaces", "0\n", /user\.max_user_namespaces/],
  ["/proc/other", "", /unshare failed: EPERM; run as root/],
];

for (const [file, value, says] of obstacles) {
  Deno.test(`where ${file} forbids user namespaces the error names the remedy`, async () => {
    const files = { "/proc/self/status": NOBODY, [file]: value };
    await assert.rejects(
      withNamespaceRights(["x"], rights(files, false, "unshare failed: EPERM")),
      (fault: Error & { code?: string }) =>
        fault.code === "WEIR_NAMESPACE" && says.test(fault.message),
    );
  });
}

Deno.test("root in a container without privileges is told how to start the container", async () => {
  const files = { "/proc/self/status": `Uid:\t0\t0\t0\t0\n${NOBODY}` };
  await assert.rejects(
    withNamespaceRights(["x"], rights(files, false, "unshare failed: Operation not permitted")),
    { code: "WEIR_NAMESPACE", message: /not permitted; root lacks CAP_SYS_ADMIN .*--privileged/ },
  );
});
