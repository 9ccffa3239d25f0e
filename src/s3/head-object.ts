/** HeadObject: what S3 says of one object, from the headers of an answer without a body. */

import { badAnswer } from "./answer-error.ts";
import type { DirectPath } from "./direct-path.ts";
import type { ObjectInfo } from "./object-client.ts";

export async function headObject(
  path: DirectPath,
  key: string,
  signal?: AbortSignal,
): Promise<ObjectInfo> {
  const call = { operation: "HeadObject", key, method: "HEAD" } as const;
  const { headers, status } = await path.send(call, signal);
  const length = headers["content-length"];
  if (length === undefined) throw badAnswer(call, status, "it does not say how long the object is");
  const lastModifiedMs = Date.parse(headers["last-modified"] ?? "");
  return {
    key,
    sizeBytes: Number(length),
    etag: headers["etag"] ?? "",
    lastModifiedMs: Number.isNaN(lastModifiedMs) ? 0 : lastModifiedMs,
    storageClass: headers["x-amz-storage-class"],
    // 'ongoing-request="false", expiry-date="…"' once a restored copy exists.
    restored: headers["x-amz-restore"]?.includes('ongoing-request="false"') ?? false,
  };
}
