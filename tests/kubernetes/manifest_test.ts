import assert from "node:assert/strict";
import * as v from "valibot";
import { parseAllDocuments } from "yaml";
import { checkConfigFile } from "../../host/cli/config/check.ts";
import { resolveRequest } from "../../host/config/resolve.ts";
import { resources } from "../../host/source/kube/resource.ts";

const ROOT = new URL("../../", import.meta.url);
const MANIFEST = await Deno.readTextFile(new URL("examples/kubernetes/weir.yaml", ROOT));
const IMAGE = await Deno.readTextFile(new URL("examples/kubernetes/Dockerfile", ROOT));
const COMMAND = await Deno.readTextFile(new URL("examples/kubernetes/weir", ROOT));
const README = await Deno.readTextFile(new URL("README.md", ROOT));

const Meta = v.looseObject({ name: v.string(), namespace: v.optional(v.string()) });
const Mount = v.strictObject({
  name: v.string(),
  mountPath: v.string(),
  readOnly: v.optional(v.boolean()),
});
const Probe = v.looseObject({
  httpGet: v.strictObject({ path: v.string(), port: v.literal("health") }),
});
const Container = v.looseObject({
  name: v.string(),
  image: v.string(),
  args: v.array(v.string()),
  env: v.array(v.looseObject({ name: v.string() })),
  securityContext: v.looseObject({}),
  volumeMounts: v.array(Mount),
});
const Manifests = v.strictTuple([
  v.strictObject({
    apiVersion: v.literal("v1"),
    kind: v.literal("ServiceAccount"),
    metadata: Meta,
  }),
  v.strictObject({
    apiVersion: v.literal("rbac.authorization.k8s.io/v1"),
    kind: v.literal("ClusterRole"),
    metadata: Meta,
    rules: v.array(v.strictObject({
      apiGroups: v.array(v.string()),
      resources: v.array(v.string()),
      verbs: v.array(v.string()),
    })),
  }),
  v.strictObject({
    apiVersion: v.literal("rbac.authorization.k8s.io/v1"),
    kind: v.literal("ClusterRoleBinding"),
    metadata: Meta,
    roleRef: v.looseObject({ kind: v.literal("ClusterRole"), name: v.string() }),
    subjects: v.array(v.strictObject({
      kind: v.literal("ServiceAccount"),
      name: v.string(),
      namespace: v.string(),
    })),
  }),
  v.strictObject({
    apiVersion: v.literal("v1"),
    kind: v.literal("ConfigMap"),
    metadata: Meta,
    data: v.strictObject({ "config.yaml": v.string(), "kubeconfig.yaml": v.string() }),
  }),
  v.strictObject({
    apiVersion: v.literal("apps/v1"),
    kind: v.literal("DaemonSet"),
    metadata: Meta,
    spec: v.strictObject({
      selector: v.strictObject({ matchLabels: v.record(v.string(), v.string()) }),
      updateStrategy: v.looseObject({ type: v.literal("RollingUpdate") }),
      template: v.strictObject({
        metadata: v.strictObject({ labels: v.record(v.string(), v.string()) }),
        spec: v.looseObject({
          serviceAccountName: v.string(),
          hostNetwork: v.literal(true),
          initContainers: v.strictTuple([Container]),
          containers: v.strictTuple([v.looseObject({
            ...Container.entries,
            ports: v.strictTuple([
              v.strictObject({
                name: v.literal("health"),
                containerPort: v.number(),
                hostPort: v.number(),
              }),
            ]),
            livenessProbe: Probe,
            readinessProbe: Probe,
          })]),
          volumes: v.array(v.looseObject({ name: v.string() })),
        }),
      }),
    }),
  }),
]);

const [account, role, binding, configMap, daemonSet] = v.parse(
  Manifests,
  parseAllDocuments(MANIFEST).map((document) => document.toJS()),
);
const { template } = daemonSet.spec;
const [init] = template.spec.initContainers;
const [main] = template.spec.containers;

/** What the mounted ConfigMap would give. */
function readText(path: string): Promise<string> {
  const file = main.volumeMounts.find(({ name }) => name === "config")?.mountPath;
  assert.equal(path, `${file}/config.yaml`);
  return Promise.resolve(configMap.data["config.yaml"]);
}

Deno.test("the ClusterRole grants what weir asks the API server for, and nothing else", () => {
  const granted = role.rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((plural) => verbs.map((verb) => `${verb} ${group}/${plural}`))
    )
  );
  const asked = resources("node").flatMap(({ group, plural }) =>
    ["list", "watch"].map((verb) => `${verb} ${group}/${plural}`)
  );
  assert.deepEqual(granted.sort(), asked.sort());
});

Deno.test("the pods run under the account that the role is bound to, and are the set's own", () => {
  assert.equal(binding.roleRef.name, role.metadata.name);
  const { name, namespace } = account.metadata;
  assert.deepEqual(binding.subjects, [{ kind: "ServiceAccount", name, namespace }]);
  assert.equal(template.spec.serviceAccountName, name);
  assert.equal(daemonSet.metadata.namespace, namespace);
  assert.equal(configMap.metadata.namespace, namespace);
  assert.deepEqual(template.metadata.labels, daemonSet.spec.selector.matchLabels);
});

Deno.test("weir config check has nothing to say of the configuration", () => {
  const { file, problems } = checkConfigFile("config.yaml", configMap.data["config.yaml"]);
  assert.deepEqual(problems, []);
  assert.deepEqual(file.present, ["kubeProxy", "weir"]);
});

Deno.test("both containers' command lines are accepted, and only the first one's ends", async () => {
  for (const [container, initOnly] of [[init, true], [main, false]] as const) {
    const args = container.args.map((arg) => arg.replace("$(NODE_NAME)", "node-1"));
    assert.ok(container.env.some(({ name }) => name === "NODE_NAME"));
    const request = await resolveRequest(args, { hostname: () => "pod", readText });
    assert.ok(request.type === "proxy", JSON.stringify(request));
    assert.deepEqual(request.warnings, []);
    assert.equal(request.config.initOnly, initOnly);
    assert.equal(request.config.nodeName, "node-1");
  }
});

Deno.test("the kubeconfig is where the configuration looks, and needs the account's files alone", () => {
  const { kubeProxy } = checkConfigFile("config.yaml", configMap.data["config.yaml"]).documents ??
    assert.fail();
  assert.equal(kubeProxy.clientConnection.kubeconfig, "/etc/kubernetes/weir/kubeconfig.yaml");
  const files = configMap.data["kubeconfig.yaml"].match(/\/var\/\S+/g) ?? [];
  assert.equal(files.length, 2);
  for (const path of files) {
    assert.match(path, /^\/var\/run\/secrets\/kubernetes\.io\/serviceaccount\//);
  }
});

Deno.test("probes ask the port that weir serves its health on", async () => {
  const request = await resolveRequest(["--config=/etc/kubernetes/weir/config.yaml"], {
    hostname: () => "node-1",
    readText,
  });
  assert.ok(request.type === "proxy");
  const [port] = main.ports;
  assert.match(JSON.stringify(request.config.healthzBindAddress), /\b10256\b/);
  assert.deepEqual([port.containerPort, port.hostPort], [10256, 10256]);
  assert.equal(main.livenessProbe.httpGet.path, "/livez");
  assert.equal(main.readinessProbe.httpGet.path, "/healthz");
});

Deno.test("what is mounted exists, and the container that stays has CAP_NET_ADMIN alone", () => {
  const volumes = template.spec.volumes.map(({ name }) => name).sort();
  for (const { volumeMounts } of [init, main]) {
    assert.deepEqual(volumeMounts.map(({ name }) => name).sort(), volumes);
  }
  assert.equal(init.image, main.image);
  assert.deepEqual(init.securityContext, { privileged: true });
  const { capabilities, ...others } = main.securityContext;
  assert.deepEqual(capabilities, { drop: ["ALL"], add: ["NET_ADMIN"] });
  assert.equal(others["privileged"], undefined);
});

/** The flags of Deno in a command: those that say what weir may do. */
function permissionsIn(command: string): string[] {
  const plain = command.replaceAll("$(deno eval -p 'Deno.execPath()')", "{deno}");
  const flags = plain.matchAll(/--(?:allow|ignore|v8|no-prompt)\S*/g);
  return [...flags].map(([flag]) => flag.replaceAll('"', "")).sort();
}

Deno.test("the image gives weir the permissions of README's command, and writes where it is mounted", () => {
  const [told = ""] = /^deno run [^`]* mod\.ts --kubeconfig/m.exec(README) ?? [];
  assert.deepEqual(permissionsIn(COMMAND), permissionsIn(told));
  assert.equal(permissionsIn(told).length, 10);
  const [, workdir] = /^WORKDIR (.*)$/m.exec(IMAGE) ?? [];
  assert.match(COMMAND, new RegExp(`^cd ${workdir}$`, "m"));
  assert.ok(main.volumeMounts.some(({ mountPath }) => mountPath === `${workdir}/.weir`));
});

Deno.test("the image copies every folder that weir's own code is in", () => {
  const copied = [...IMAGE.matchAll(/^COPY (.*) \S+$/gm)].flatMap(([, from = ""]) =>
    from.split(" ")
  );
  for (
    const room of [
      "mod.ts",
      "deno.json",
      "deno.lock",
      "schemas",
      "plugins",
      "host",
      "examples/kubernetes/weir",
    ]
  ) {
    assert.ok(copied.includes(room), room);
  }
});
