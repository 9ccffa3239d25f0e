/** What a result says in sentences, in every form of the report. */

import type { Result } from "../result.ts";
import { describeLimits, describeMemory } from "./goals.ts";
import { describeGrowth } from "./growth.ts";
import { describeTrends } from "./trend.ts";

export function conclusionsOf(result: Result): string[] {
  const growth = [...describeGrowth(result), ...describeTrends(result)];
  return [...describeLimits(result), ...describeMemory(result), ...growth];
}
