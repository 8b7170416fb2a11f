/**
 * The series of single Services. There may be tens of thousands, where prom-client keeps a kilobyte
 * for each and makes several objects of each at each scrape: here they are a row of numbers and the
 * text of their labels.
 *
 * @module
 */
import { labelsText, PIECE } from "./exposition.ts";

/** What is counted of a Service, in the order of the counts. */
export const SERVICE_COUNTS = ["connections", "packets", "bytes"] as const;

/** What a Service has got since its series began. */
export type ServiceCounts = Record<typeof SERVICE_COUNTS[number], number>;

/** A Service that is counted. */
export interface CountedService {
  readonly namespace: string;
  readonly name: string;
}

/** A Service's series, or its place among those that are summed. */
interface Row {
  /** As they are on the page. */
  readonly labels: string;
  /** Where what it gets is added: its own, or those of all that are summed. */
  readonly counts: ServiceCounts;
  /** Its service ports; a Service without any is gone. */
  ports: number;
}

function newCounts(): ServiceCounts {
  return { connections: 0, packets: 0, bytes: 0 };
}

/** No Service can be called so. `service` and `namespace` are Prometheus' own labels, of targets. */
const FOLDED = labelsText({ service_namespace: "", service_name: "_other" });

/** Series by Service, up to a limit; those above it are summed. */
export class ServiceSeries {
  /**
   * Who comes when there is room has a series of its own, and it stays so: a Service that changed
   * sides would make both fall.
   */
  readonly #own = new Map<string, Row>();
  readonly #folded = new Map<string, Row>();
  /** Undefined while nobody has been summed. */
  #sum: ServiceCounts | undefined;

  /** How many Services are summed. */
  get folded(): number {
    return this.#folded.size;
  }

  /**
   * The row of a Service that is known.
   *
   * @param service Which.
   * @returns Undefined for one that has none yet.
   */
  find({ namespace, name }: CountedService): Row | undefined {
    const labels = labelsText({ service_namespace: namespace, service_name: name });
    return this.#own.get(labels) ?? this.#folded.get(labels);
  }

  /**
   * Gives a Service a row, with counts of its own if there is room.
   *
   * @param service One that has none yet.
   * @param limit How many may have counts of their own.
   * @returns The row.
   */
  add({ namespace, name }: CountedService, limit: number): Row {
    const labels = labelsText({ service_namespace: namespace, service_name: name });
    const own = this.#own.size < limit;
    const counts = own ? newCounts() : this.#sum ??= newCounts();
    const row = { labels, counts, ports: 0 };
    (own ? this.#own : this.#folded).set(labels, row);
    return row;
  }

  /**
   * Ends the series of a Service. What was summed stays summed.
   *
   * @param row Its row.
   */
  remove({ labels }: Row): void {
    this.#own.delete(labels);
    this.#folded.delete(labels);
  }

  /** Ends all. */
  clear(): void {
    this.#own.clear();
    this.#folded.clear();
    this.#sum = undefined;
  }

  /**
   * Writes one of the metrics.
   *
   * @param name Of the metric.
   * @param count What it tells.
   * @returns Lines, many at a time.
   */
  *lines(name: string, count: keyof ServiceCounts): Generator<string> {
    let piece = "";
    // Others have their turn between two pieces, and a Service may go and come again then.
    for (const { labels, counts } of [...this.#own.values()]) {
      piece += `${name}${labels} ${counts[count]}\n`;
      if (piece.length < PIECE) continue;
      yield piece;
      piece = "";
    }
    if (this.#sum !== undefined) piece += `${name}${FOLDED} ${this.#sum[count]}\n`;
    if (piece !== "") yield piece;
  }
}

export type { Row as ServiceRow };
