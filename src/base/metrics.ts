/**
 * What a mount measures of itself, as the layers see it: they are handed `Metrics`, or nothing where
 * nobody wants to know, and then measure nothing. Names and attributes are those of mount-s3.
 */

export type CounterName =
  | "fuse.request_errors"
  | "fuse.total_bytes"
  | "s3.request_count"
  | "s3.request_errors";

/** Of microseconds (`_latency`) or bytes (`_size`). */
export type HistogramName =
  | "fuse.io_size"
  | "fuse.request_latency"
  | "s3.request_first_byte_latency"
  | "s3.request_total_latency";

/** What tells apart the metrics of one name; every value out of a small set. */
export type MetricAttributes = Readonly<Record<string, string>>;

export interface Counter {
  add(count: number): void;
}

export interface Histogram {
  /** 0 or more; fractions are rounded away. */
  record(value: number): void;
}

export interface Metrics {
  /** The same one each time for the same name and attributes, as with `histogram`. */
  counter(name: CounterName, attributes: MetricAttributes): Counter;
  histogram(name: HistogramName, attributes: MetricAttributes): Histogram;
}
