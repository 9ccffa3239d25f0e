/**
 * What samples say: median, spread, and how sure a ratio of two medians is. Everything that is drawn at
 * random comes from a seed, so that the same measurements always give the same report.
 */

import {
  linearRegression,
  max,
  median,
  min,
  quantile,
  sampleWithReplacement,
} from "simple-statistics";

export interface Summary {
  readonly count: number;
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A ratio of medians with its 95 % interval, where there are samples enough for one. */
export interface Ratio {
  readonly value: number;
  readonly interval: Interval | undefined;
}

/** How steep a line through points is, with its 95 % interval. */
export interface Trend extends Interval {
  readonly slope: number;
}

/** From fewer samples nothing can be said about how much they differ. */
const SAMPLES_MIN = 3;

const RESAMPLES = 2000;
const TAIL = 0.025;

/** Numbers from 0 to 1 that depend on `seed` alone (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Undefined where there are no samples. */
export function summarise(samples: readonly number[]): Summary | undefined {
  if (samples.length === 0) return undefined;
  const values = [...samples];
  return {
    count: values.length,
    median: median(values),
    least: min(values),
    most: max(values),
  };
}

/**
 * The ratio of the medians of two sets of samples. The interval is that of the percentile bootstrap:
 * with three rounds it is about the whole spread, with more it becomes narrower.
 */
export function ratioOf(samples: readonly number[], base: readonly number[]): Ratio | undefined {
  const own = summarise(samples);
  const other = summarise(base);
  if (own === undefined || other === undefined || other.median === 0) return undefined;
  const value = own.median / other.median;
  if (Math.min(samples.length, base.length) < SAMPLES_MIN) return { value, interval: undefined };
  const random = seededRandom(samples.length * 1000 + base.length);
  const drawn = Array.from({ length: RESAMPLES }, () => {
    const above = median(sampleWithReplacement([...samples], samples.length, random));
    const below = median(sampleWithReplacement([...base], base.length, random));
    return above / below;
  });
  return { value, interval: { low: quantile(drawn, TAIL), high: quantile(drawn, 1 - TAIL) } };
}

/** Of a series for which a trend is told, blocks of so many keep together. */
const TREND_BLOCKS = 12;

/**
 * The slope of the straight line through a series in the order of its x. The interval is that of the block
 * bootstrap of what the line leaves: neighbours depend on each other, as memory between two collections does.
 * Undefined where there are too few points.
 */
export function trendOf(points: readonly (readonly [x: number, y: number])[]): Trend | undefined {
  const length = Math.floor(points.length / TREND_BLOCKS);
  if (length < 2) return undefined;
  const slopeOf = (ys: readonly number[]): number =>
    linearRegression(points.map(([x], at) => [x, ys[at] ?? 0])).m;
  const { b, m } = linearRegression(points.map(([x, y]) => [x, y]));
  const left = points.map(([x, y]) => y - (m * x + b));
  const random = seededRandom(points.length);
  const slopes = Array.from({ length: RESAMPLES }, () => {
    const drawn: number[] = [];
    while (drawn.length < points.length) {
      const from = Math.floor(random() * (left.length - length + 1));
      drawn.push(...left.slice(from, from + length));
    }
    return m + slopeOf(drawn);
  });
  return { slope: m, low: quantile(slopes, TAIL), high: quantile(slopes, 1 - TAIL) };
}

/** Percentiles of `samples`, by their names in the report. */
export function percentilesOf(samples: readonly number[]): Percentiles {
  const values = [...samples];
  return Object.fromEntries(
    PERCENTILES.map((each) => [String(each), quantile(values, each / 100)]),
  );
}

/** Latencies in milliseconds by percentile, e.g. "99.9". */
export type Percentiles = Readonly<Record<string, number>>;

export const PERCENTILES = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9] as const;
