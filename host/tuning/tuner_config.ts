/**
 * What of the configuration a conntrack-tuner is told.
 *
 * @module
 */
import type { TunerConfig } from "../../schemas/calls.ts";
import type { ConntrackConfig } from "../../schemas/config.ts";

/** The fields of `conntrack` that mean settings of the kernel. */
export type ConntrackSettings = Omit<ConntrackConfig, "removeTCPFlows">;

/**
 * Whole seconds, as the kernel has its timeouts. Less than one becomes one: upstream writes 0 then,
 * with which the kernel forgets a connection at once.
 */
function seconds(milliseconds: number): number {
  return milliseconds > 0 ? Math.max(1, Math.floor(milliseconds / 1000)) : 0;
}

/**
 * Makes the words of a conntrack-tuner of the configuration's.
 *
 * @param settings The configuration.
 * @returns What is wanted; empty when everything is to be left alone.
 */
export function tunerConfigOf(settings: ConntrackSettings): TunerConfig {
  const config = {
    maxPerCore: settings.maxPerCore,
    // It means nothing without entries for each processor.
    min: settings.maxPerCore === 0 ? 0 : settings.min,
    tcpEstablishedTimeout: seconds(settings.tcpEstablishedTimeout),
    tcpCloseWaitTimeout: seconds(settings.tcpCloseWaitTimeout),
    tcpBeLiberal: settings.tcpBeLiberal,
    udpTimeout: seconds(settings.udpTimeout),
    udpStreamTimeout: seconds(settings.udpStreamTimeout),
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => Boolean(value)));
}
