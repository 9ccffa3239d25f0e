/** What a result says in sentences, in every form of the report. */

import type { Result } from "../result.ts";
import { describeGrowth } from "./growth.ts";
import { describeLimits } from "./limits.ts";
import { describeTrends } from "./trend.ts";

export function conclusionsOf(result: Result): string[] {
  return [...describeLimits(result), ...describeGrowth(result), ...describeTrends(result)];
}
