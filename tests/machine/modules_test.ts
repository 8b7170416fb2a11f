/**
 * A node whose kernel may load no module by itself: weir says which one it lacks. These starts end
 * early, so they show as well what becomes of the OOM score, with CAP_SYS_RESOURCE and without.
 */
import assert from "node:assert/strict";
import { chain, counter, ct, nftClient, NftError, rule, table } from "weir";
import { NftKernel } from "../../host/capabilities/nft/kernel.ts";
import { nftCapability } from "../../host/capabilities/nft/nft.ts";
import { ManifestFolder } from "../kernel/manifest_folder.ts";
import { WeirProcess } from "../kernel/weir_process.ts";
import { OwnMachine } from "./own_machine.ts";

const WITHOUT_RESOURCE = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"];
const REFUSAL =
  /^W.*"Cannot set OOM score \\"(.*?)\\": .*EACCES; to lower it takes CAP_SYS_RESOURCE.*"/m;

const STARTS: readonly (readonly [
  string,
  string,
  RegExp,
  string,
  readonly string[],
  readonly string[],
  string | undefined,
])[] = [
  [
    "nfnetlink",
    "",
    /^weir: Cannot open nftables .*EPROTONOSUPPORT; this kernel has no nfnetlink: load the module nf_tables \(WEIR_NETLINK\)$/m,
    "without CAP_SYS_RESOURCE it is told that its OOM score stays",
    WITHOUT_RESOURCE,
    [],
    "-999",
  ],
  [
    "nf_tables",
    "nfnetlink",
    /^weir: Cannot serve "IPv4" or "IPv6" on this kernel: it has no nf_tables \(EOPNOTSUPP\): load the module nft_chain_nat, /m,
    "without CAP_SYS_RESOURCE it keeps the OOM score that its supervisor gave it",
    ["sh", "-c", 'echo -997 >/proc/self/oom_score_adj && exec "$@"', "sh", ...WITHOUT_RESOURCE],
    ["--oom-score-adj=-997"],
    undefined,
  ],
  [
    "nft_chain_nat",
    "nf_tables",
    /^weir: Cannot serve .*: its nf_tables cannot translate IPv4 \(ENOENT\): load the module nft_chain_nat, /m,
    "with CAP_SYS_RESOURCE its OOM score is lowered without a word",
    [],
    [],
    undefined,
  ],
];

for (const [lacking, loaded, says, score, before, flags, refused] of STARTS) {
  Deno.test(`where ${lacking} cannot be loaded weir does not start and says so; ${score}`, async () => {
    using machine = OwnMachine.open();
    await machine.forgetNetfilter();
    using _ = machine.withoutAutoload();
    if (loaded !== "") await machine.load(loaded);
    await using folder = await ManifestFolder.create();
    await using weir = new WeirProcess(machine.namespace, {
      before,
      flags: [`--manifests=${folder.path}`, ...flags],
    });
    const { code, log } = await weir.ended();
    assert.equal(code, 1, log);
    assert.match(log, says);
    assert.equal(REFUSAL.exec(log)?.[1], refused, log);
  });
}

Deno.test("a rule whose module cannot be loaded is refused with what helps, and taken once it is loaded", async () => {
  using machine = OwnMachine.open();
  await machine.forgetNetfilter();
  using _ = machine.withoutAutoload();
  await machine.load("nft_chain_nat");
  const kernel = new NftKernel({ now: () => performance.now() });
  const grant = { version: 1, table: "weir" } as const;
  const capability = nftCapability(grant, { owner: { role: "proxier", plugin: "test" }, kernel });
  const nft = nftClient(grant, async (_, method, params, attachment = new Uint8Array()) => {
    const answer = await capability.invoke(method, params, attachment);
    return { value: answer.value, attachment: answer.attachment ?? new Uint8Array() };
  });
  const own = table("ip", "weir");
  const commit = async () => {
    const tx = nft.transaction();
    const base = { type: "filter", hook: "input", priority: 0 } as const;
    const input = chain(own, "input", { base, rules: [rule(ct.state.has("new"), counter())] });
    tx.replaceTable({ table: own, sets: [], chains: [input] });
    await tx.commit();
  };
  try {
    await assert.rejects(commit(), (fault: Error) => {
      assert.ok(fault instanceof NftError);
      assert.match(fault.message, /add rule ip weir input ct state new counter".*ENOENT; .*nft_ct/);
      return true;
    });
    await machine.load("nft_ct");
    await commit();
  } finally {
    await kernel.close();
  }
});
