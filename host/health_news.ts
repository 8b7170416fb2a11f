/**
 * When the health of a Service on this node may be told to its load balancer.
 *
 * @module
 */
import type { ServiceHealth } from "../schemas/health.ts";

/**
 * Takes what has become of Services, by `namespace/name`; undefined for one that has no health
 * check node port any more.
 */
export type TellHealth = (news: ReadonlyMap<string, ServiceHealth | undefined>) => void;

/**
 * Holds back what a load balancer must not hear yet. An endpoint is told of once the kernel has it,
 * as connections follow at once. That there is none left is true whether the kernel has it or not,
 * and the sooner it is told, the fewer connections fail.
 */
export class HealthNews {
  readonly #tell: TellHealth;
  /** The Services that have such a port, as they were taken in last. */
  readonly #known = new Map<string, ServiceHealth>();
  readonly #untold = new Map<string, ServiceHealth | undefined>();

  /** @param tell Told each piece of news once. */
  constructor(tell: TellHealth) {
    this.#tell = tell;
  }

  /**
   * Takes in how a Service is as of now.
   *
   * @param key `namespace/name`.
   * @param health Undefined when it has no health check node port.
   */
  take(key: string, health: ServiceHealth | undefined): void {
    const before = this.#known.get(key);
    if (before?.port === health?.port && before?.localEndpoints === health?.localEndpoints) return;
    if (health === undefined) this.#known.delete(key);
    else this.#known.set(key, health);
    this.#untold.set(key, health);
  }

  /** Tells which Services have no endpoint here; to be called before the kernel is told. */
  tellDrained(): void {
    const drained = [...this.#untold].filter(([, health]) =>
      health === undefined || health.localEndpoints === 0
    );
    for (const [key] of drained) this.#untold.delete(key);
    if (drained.length > 0) this.#tell(new Map(drained));
  }

  /** Tells the rest; to be called once the kernel has what was taken in. */
  tellAll(): void {
    if (this.#untold.size > 0) this.#tell(new Map(this.#untold));
    this.#untold.clear();
  }
}
