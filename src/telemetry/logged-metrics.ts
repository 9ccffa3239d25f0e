/** The metrics of a mount as lines of its log: every five seconds those that have something to tell. */

import type { Log } from "../base/log.ts";
import type {
  Counter,
  CounterName,
  Histogram,
  HistogramName,
  MetricAttributes,
  Metrics,
} from "../base/metrics.ts";
import { Gauge, type Metric, SumCounter, ValueHistogram } from "./metric.ts";

/** As mount-s3. */
const PERIOD_MS = 5000;

export interface LoggedMetricsOptions {
  /** Of the target `metrics`. */
  readonly log: Log;
  /** The memory of this process in bytes. */
  readonly memoryBytes?: () => number;
}

export interface LoggedMetrics extends Metrics {
  /** Logs what there is for the last time. */
  close(): void;
}

export function logMetrics(options: LoggedMetricsOptions): LoggedMetrics {
  return new MetricsLogger(options);
}

/** A metric as its line begins. */
interface Entry {
  readonly name: string;
  readonly attributes: MetricAttributes;
}

class MetricsLogger implements LoggedMetrics {
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  /** By the beginning of their lines, which is unique. */
  readonly #metrics = new Map<string, Entry & { readonly metric: Metric }>();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();

  constructor({ log, memoryBytes = () => process.memoryUsage.rss() }: LoggedMetricsOptions) {
    this.#log = log;
    const memory = { name: "process.memory_usage", attributes: {} };
    this.#metrics.set(memory.name, { ...memory, metric: new Gauge(memoryBytes) });
    this.#timer = setInterval(() => this.#publish(), PERIOD_MS);
    // No reason for the process to stay.
    this.#timer.unref();
  }

  counter(name: CounterName, attributes: MetricAttributes): Counter {
    return this.#of(this.#counters, { name, attributes }, () => new SumCounter());
  }

  histogram(name: HistogramName, attributes: MetricAttributes): Histogram {
    return this.#of(this.#histograms, { name, attributes }, () => new ValueHistogram());
  }

  close(): void {
    clearInterval(this.#timer);
    this.#publish();
  }

  #of<Kind>(
    known: Map<string, Kind>,
    { name, attributes }: Entry,
    make: () => Kind & Metric,
  ): Kind {
    let labels = "";
    for (const key in attributes) labels += `${labels && ","}${key}=${attributes[key]}`;
    const title = `${name}[${labels}]`;
    const existing = known.get(title);
    if (existing !== undefined) return existing;
    const metric = make();
    known.set(title, metric);
    this.#metrics.set(title, { name, attributes, metric });
    return metric;
  }

  #publish(): void {
    const sorted = [...this.#metrics].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [title, { attributes, metric, name }] of sorted) {
      const summary = metric.take();
      if (summary === undefined) continue;
      const fields = { metric: name, ...attributes, ...summary.fields };
      this.#log.info(`${title}: ${summary.text}`, fields);
    }
  }
}
