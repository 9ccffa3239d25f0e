/** The Range header of a GET, as S3 reads it: one range of bytes, or it is as if there were none. */

import { SandboxError } from "./error.ts";

export interface ByteRange {
  readonly offset: number;
  readonly byteCount: number;
}

/**
 * The bytes that `header` asks of an object of `sizeBytes`; undefined when it asks for no range or for
 * something that is ignored (RFC 9110 section 14.2). Throws `InvalidRange` when no byte satisfies it.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const [, firstText = "", lastText = ""] =
    /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (firstText === "" && lastText === "") return undefined;
  const first = firstText === "" ? Math.max(sizeBytes - Number(lastText), 0) : Number(firstText);
  const last = firstText === "" || lastText === "" ? sizeBytes - 1 : Number(lastText);
  if (firstText !== "" && lastText !== "" && last < first) return undefined;
  if (first >= sizeBytes) {
    throw new SandboxError("InvalidRange", undefined, {
      RangeRequested: header ?? "",
      ActualObjectSize: String(sizeBytes),
    });
  }
  return { offset: first, byteCount: Math.min(last, sizeBytes - 1) - first + 1 };
}
