/**
 * Feature gates: all are accepted, few mean something here.
 *
 * kube-proxy takes the gates of every component of its version, hundreds in all, and clusters are
 * often given one list for all components. Listed here are those that touch a service proxy, and
 * those that kube-proxy's help has had.
 *
 * @module
 */
import { nearest } from "./nearest.ts";

/** How far a feature has come. GA is "" in `kubernetes_feature_enabled`, as upstream has it. */
export type GateStage = "ALPHA" | "BETA" | "GA";

/** What setting a gate does here. */
export type GateMeaning =
  /** weir obeys it. */
  | "obeyed"
  /** weir always behaves as it does when the gate is on. */
  | "always"
  /** It is for something that a service proxy, or weir, does not have. */
  | "none";

/** One gate. */
export interface Gate {
  readonly stage: GateStage;
  readonly on: boolean;
  /** It may only be set to what it is. */
  readonly locked: boolean;
  readonly meaning: GateMeaning;
}

const words = (text: string) => text.trim().split(/\s+/);

/** Of 1.24, for other components: alpha and off. */
const ALPHA_OFF = words(`
  APIServerIdentity APIServerTracing CPUManagerPolicyAlphaOptions CSIMigrationPortworx
  CSIMigrationRBD CSIVolumeHealth CronJobTimeZone CustomCPUCFSQuotaPeriod
  CustomResourceValidationExpressions DisableCloudProviders DisableKubeletCloudCredentialProviders
  ExpandedDNSConfig HPAContainerMetrics HPAScaleToZero HonorPVReclaimPolicy
  InTreePluginAWSUnregister InTreePluginAzureDiskUnregister InTreePluginAzureFileUnregister
  InTreePluginGCEUnregister InTreePluginOpenStackUnregister InTreePluginPortworxUnregister
  InTreePluginRBDUnregister InTreePluginvSphereUnregister KubeletInUserNamespace
  LocalStorageCapacityIsolationFSQuotaMonitoring MaxUnavailableStatefulSet MemoryQoS
  MinDomainsInPodTopologySpread NetworkPolicyStatus NodeOutOfServiceVolumeDetach NodeSwap
  PodAndContainerStatsFromCRI ProcMountType QOSReserved ReadWriteOncePod
  RecoverVolumeExpansionFailure SeccompDefault ServerSideFieldValidation ServiceIPStaticSubrange
  StatefulSetAutoDeletePVC StorageVersionAPI VolumeCapacityPriority NativeHistograms
`);

/** For other components: beta and on. */
const BETA_ON = words(`
  APIListChunking APIPriorityAndFairness APIResponseCompression AnyVolumeDataSource AppArmor
  CPUManager CPUManagerPolicyBetaOptions CPUManagerPolicyOptions CSIInlineVolume CSIMigration
  CSIMigrationAWS CSIMigrationAzureFile CSIMigrationGCE DaemonSetUpdateSurge
  DelegateFSGroupToCSIDriver DevicePlugins DisableAcceleratorUsageMetrics DownwardAPIHugePages
  EphemeralContainers GRPCContainerProbe GracefulNodeShutdown
  GracefulNodeShutdownBasedOnPodPriority IdentifyPodOS JobMutableNodeSchedulingDirectives
  JobReadyPods KubeletCredentialProviders KubeletPodResources KubeletPodResourcesGetAllocatable
  LegacyServiceAccountTokenNoAutoGeneration LocalStorageCapacityIsolation LogarithmicScaleDown
  MemoryManager MixedProtocolLBService NetworkPolicyEndPort OpenAPIEnums OpenAPIV3 PodDeletionCost
  PodSecurity RemainingItemCount RotateKubeletServerCertificate SizeMemoryBackedVolumes
  StatefulSetMinReadySeconds StorageVersionHash TopologyManager WindowsHostProcessContainers
  StrictIPCIDRValidation ContextualLogging LoggingBetaOptions
  NFTablesNetlink KubeProxyIPVS WatchListClient
`);

/** For other components: beta and off. */
const BETA_OFF = words(`
  CSIMigrationvSphere ExperimentalHostUserNamespaceDefaulting JobTrackingWithFinalizers
  ProbeTerminationGracePeriod
`);

/** How a service proxy behaves, and has long behaved: weir knows no other way. */
const ALWAYS = words(`
  EndpointSliceTerminatingCondition KubeProxyDrainingTerminatingNodes LoadBalancerIPMode
  ProxyTerminatingEndpoints ServiceInternalTrafficPolicy ServiceTrafficDistribution
  TopologyAwareHints ServiceLBNodePortControl IPTablesOwnershipCleanup MinimizeIPTablesRestore
`);

/** As {@linkcode ALWAYS}, and upstream refuses to switch them off. */
const LOCKED = words(`
  EndpointSliceProxying MultiCIDRServiceAllocator NFTablesProxyMode PreferSameTrafficDistribution
`);

function rows(names: readonly string[], gate: Gate): [string, Gate][] {
  return names.map((name) => [name, gate]);
}

const off = { on: false, locked: false, meaning: "none" } as const;
const on = { on: true, locked: false, meaning: "none" } as const;

/** Every gate by its name. The stage is that of the latest version that has it. */
export const GATES: ReadonlyMap<string, Gate> = new Map<string, Gate>([
  ...rows(ALPHA_OFF, { ...off, stage: "ALPHA" }),
  ...rows(BETA_ON, { ...on, stage: "BETA" }),
  ...rows(BETA_OFF, { ...off, stage: "BETA" }),
  ...rows(ALWAYS, { on: true, locked: false, meaning: "always", stage: "GA" }),
  ...rows(LOCKED, { on: true, locked: true, meaning: "always", stage: "GA" }),
  ...rows(["WinDSR", "WinOverlay"], { ...on, locked: true, stage: "GA" }),
  ["InOrderInformers", { ...on, stage: "GA" }],
  ["AllAlpha", { ...off, stage: "ALPHA" }],
  ["AllBeta", { ...off, stage: "BETA" }],
  // KEP-5707: the field is deprecated, and this gate stops programming it.
  ["AllowServiceExternalIPs", { ...on, meaning: "obeyed", stage: "GA" }],
  // KEP-4828 and KEP-4827: /flagz and /statusz.
  ["ComponentFlagz", { ...on, meaning: "obeyed", stage: "BETA" }],
  ["ComponentStatusz", { ...on, meaning: "obeyed", stage: "BETA" }],
  ["LoggingAlphaOptions", { ...off, meaning: "obeyed", stage: "ALPHA" }],
  // KEP-6032, alpha and off in 1.37: here the relay is finished, and asked for by the keyword.
  ["KubeProxyNFTablesLocalhostNodePorts", { ...on, meaning: "obeyed", stage: "ALPHA" }],
]);

const OBEYED = [...GATES].filter(([, { meaning }]) => meaning === "obeyed").map(([name]) => name);

/** What the gates given come to. */
export interface GateSettings {
  /** Every gate that means something here, and every one that was given, by name. */
  readonly gates: Readonly<Record<string, boolean>>;
  /** Gates that were set to what weir does not do, or to anything without a meaning here. */
  readonly notes: readonly GateNote[];
}

/** A setting that changes nothing. */
export interface GateNote {
  readonly gate: string;
  /**
   * `always`: it was switched off, and weir cannot; `none`: it has no meaning here; `unknown`: it
   * is another component's, or nobody's.
   */
  readonly meaning: "always" | "none" | "unknown";
}

/**
 * How far a gate's feature has come.
 *
 * @param name The gate.
 * @returns `ALPHA`, `BETA`, or "" for what is generally available.
 */
export function stageOf(name: string): "ALPHA" | "BETA" | "" {
  const stage = GATES.get(name)?.stage ?? "GA";
  return stage === "GA" ? "" : stage;
}

/**
 * Says why a gate cannot be set so.
 *
 * @param name The gate.
 * @param value What it is set to.
 * @returns The reason, or undefined when it can.
 */
export function gateFault(name: string, value: boolean): string | undefined {
  const gate = GATES.get(name);
  if (gate === undefined) {
    // What is meant must not be lost for a slip of the finger; ComponentSLIs is none.
    const guess = nearest(name, OBEYED, 2);
    return guess !== undefined
      ? `there is no such feature gate; did you mean ${guess}?`
      : undefined;
  }
  return gate.locked && value !== gate.on
    ? `it is locked to ${gate.on}, as in kube-proxy since the feature is GA`
    : undefined;
}

/**
 * Completes the gates. AllAlpha and AllBeta set each gate of their stage that is not given itself.
 *
 * @param given Gates that {@linkcode gateFault} has no fault to find with.
 * @returns The settings.
 */
export function resolveGates(given: Readonly<Record<string, boolean>>): GateSettings {
  const groups = { ALPHA: given["AllAlpha"], BETA: given["AllBeta"], GA: undefined };
  const gates: Record<string, boolean> = {};
  for (const [name, { meaning, on, stage }] of GATES) {
    if (meaning !== "none") gates[name] = groups[stage] ?? on;
  }
  Object.assign(gates, given);
  const notes = Object.entries(given).flatMap(([gate, value]): GateNote[] => {
    const meaning = GATES.get(gate)?.meaning ?? "unknown";
    if (gate === "AllAlpha" || gate === "AllBeta" || meaning === "obeyed") return [];
    if (meaning === "always" && value) return [];
    return [{ gate, meaning }];
  });
  return { gates, notes };
}
