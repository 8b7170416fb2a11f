/**
 * The public kit for testing plugins: `weir/testing`.
 *
 * @module
 */
export { loopback } from "./loopback.ts";
export type { Loopback, LoopbackOptions } from "./loopback.ts";
export { recordingLog } from "./recording_log.ts";
export type { RecordedLine } from "./recording_log.ts";
export { recordingTrace } from "./recording_trace.ts";
export type { RecordedSpan } from "./recording_trace.ts";
export { fakeNft } from "./nft_fake.ts";
export type { FakeNft } from "./nft_fake.ts";
export { fakeSysctls } from "./sysctl_fake.ts";
export type { FakeSysctls } from "./sysctl_fake.ts";
export type { SettingFiles } from "../../host/capabilities/sysctl/setting.ts";
export { FakeKernel } from "./nft_fake_kernel.ts";
export type { FakeChain, FakeElement, FakeRule, FakeSet, FakeTable } from "./nft_fake_kernel.ts";
export { PacketTracer } from "./tracer/tracer.ts";
export type { TracedFlow, TracedWay, TraceOutcome } from "./tracer/tracer.ts";
export type { TracedNode } from "./tracer/node.ts";
export type { PluginPolicy } from "../../host/broker.ts";
export type { CapabilityAnswer } from "../../host/capabilities/capability.ts";
export type { Outcome, PluginStateName, SandboxEvent } from "../../host/sandbox/event.ts";
export type { CallMethod, CallParams, CallResult, CallResults } from "../../schemas/calls.ts";
export { LIMITS, type Limits } from "../../schemas/wire.ts";
export { Topology } from "./packet/topology.ts";
export type { Addresses, Member, OtherNode, TopologyOptions } from "./packet/topology.ts";
export type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
export type { Agent, ConnectTo } from "./packet/agent.ts";
export type { Connect, Exchange, Listen, Transport } from "./packet/protocol.ts";
