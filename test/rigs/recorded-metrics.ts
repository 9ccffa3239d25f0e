/** Keeps what is measured, value by value, under "name[value,…]" of the attributes. */

import type { MetricAttributes, Metrics } from "../../src/base/metrics.ts";

export class RecordedMetrics implements Metrics {
  readonly values: Record<string, number[]> = {};

  counter(name: string, attributes: MetricAttributes) {
    return { add: (count: number) => this.#keep(name, attributes, count) };
  }

  histogram(name: string, attributes: MetricAttributes) {
    return { record: (value: number) => this.#keep(name, attributes, value) };
  }

  #keep(name: string, attributes: MetricAttributes, value: number): void {
    const key = `${name}[${Object.values(attributes).join(",")}]`;
    this.values[key] = [...(this.values[key] ?? []), value];
  }
}
