/** Counters, histograms and gauges, each of which tells what it has since it was last asked. */

import { createHistogram } from "node:perf_hooks";
import type { LogFields } from "../base/log.ts";
import type { Counter, Histogram } from "../base/metrics.ts";

/** What there is to tell: for people, and value by value. */
export interface Summary {
  readonly text: string;
  readonly fields: LogFields;
}

export interface Metric {
  /** What came since the last call; undefined when nothing did. */
  take(): Summary | undefined;
}

export class SumCounter implements Counter, Metric {
  #sum = 0;
  #n = 0;

  add(count: number): void {
    this.#sum += count;
    this.#n++;
  }

  take(): Summary | undefined {
    const sum = this.#sum;
    const n = this.#n;
    if (n === 0) return undefined;
    this.#sum = 0;
    this.#n = 0;
    return { text: n === 1 ? `${sum}` : `${sum} (n=${n})`, fields: { sum, n } };
  }
}

/** Two significant figures: 30 KB of memory in place of ten times that. */
const FIGURES = 2;
/** 19 hours, or 64 GiB. */
const VALUE_MAX = 2 ** 36 - 2;

/** Number, least, mean and greatest are exact; percentiles are so to one in a hundred. */
export class ValueHistogram implements Histogram, Metric {
  /** Of the values and 1, as it takes no 0. */
  readonly #histogram = createHistogram({ lowest: 1, highest: VALUE_MAX + 1, figures: FIGURES });
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  record(value: number): void {
    const whole = Math.min(Math.max(Math.round(value), 0), VALUE_MAX);
    this.#histogram.record(whole + 1);
    this.#sum += whole;
    if (whole < this.#min) this.#min = whole;
    if (whole > this.#max) this.#max = whole;
  }

  take(): Summary | undefined {
    const n = this.#histogram.count;
    if (n === 0) return undefined;
    const min = this.#min;
    const max = this.#max;
    const percentile = (percent: number): number =>
      Math.min(Math.max(this.#histogram.percentile(percent) - 1, min), max);
    const p10 = percentile(10);
    const p50 = percentile(50);
    const p90 = percentile(90);
    const p99 = percentile(99);
    const p999 = percentile(99.9);
    const avg = (this.#sum / n).toFixed(2);
    this.#histogram.reset();
    this.#sum = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = 0;
    return {
      text: `n=${n}: min=${min} p10=${p10} p50=${p50} avg=${avg} p90=${p90} p99=${p99} p99.9=${p999} max=${max}`,
      fields: { n, min, p10, p50, avg: Number(avg), p90, p99, "p99.9": p999, max },
    };
  }
}

/** Told when it is another than the last time. */
export class Gauge implements Metric {
  readonly #read: () => number;
  #last: number | undefined;

  constructor(read: () => number) {
    this.#read = read;
  }

  take(): Summary | undefined {
    const value = this.#read();
    if (value === this.#last) return undefined;
    this.#last = value;
    return { text: `${value}`, fields: { value } };
  }
}
