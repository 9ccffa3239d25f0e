/**
 * Where the bucket is: origin, path and signing scope, found out once for each client.
 *
 * With an endpoint URL, and at the usual endpoints of Amazon S3, the answer follows from a handful of rules,
 * the same as the SDK's, and the SDK need not be loaded (130 ms) before the mount is up; all other cases
 * are left to the SDK's rules.
 */

import { S3Error } from "./error.ts";
import { isAddress, type Origin, originOf } from "./origin.ts";
import type { SigningScope } from "./signer.ts";

export interface Target {
  readonly origin: Origin;
  /** "" when the bucket is in the host name, else "/bucket", after the path of the endpoint. */
  readonly basePath: string;
  readonly scope: SigningScope;
}

const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$/;

/** Whether `targetAt` knows the rules for `bucket`: not for ARNs and the aliases of access points. */
export function isPlainBucket(bucket: string): boolean {
  return !bucket.includes(":") && !/--(?!x-)[a-z]+-s3$/.test(bucket);
}

/** Of Amazon's own partition, where all endpoints are named alike. */
const USUAL_REGION = /^(?:af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d$/;

/**
 * The endpoint of Amazon S3 for a plain bucket in `region`, unless it takes more than that to know it.
 * Two hyphens may make a bucket one of another kind.
 */
export function usualEndpoint(bucket: string, region: string): string | undefined {
  if (bucket.includes("--") || !USUAL_REGION.test(region)) return undefined;
  return `https://s3.${region}.amazonaws.com`;
}

/** The target of a plain bucket behind `endpointUrl`. Throws S3Error kind "rejected" for a bad URL. */
export function targetAt(
  endpointUrl: string,
  bucket: string,
  region: string,
  forcePathStyle: boolean,
): Target {
  const url = parseEndpoint(endpointUrl);
  const origin = originOf(url);
  const path = url.pathname.replace(/\/$/, "");
  const scope = { region, service: "s3" };
  // A certificate for *.host does not cover two labels, so that a dot in the bucket needs plain http.
  const hostable = origin.secure
    ? HOST_LABEL.test(bucket)
    : bucket.split(".").every((label) => HOST_LABEL.test(label)) && !isAddress(bucket);
  if (forcePathStyle || isAddress(origin.host) || !hostable) {
    return { origin, basePath: `${path}/${encodeURIComponent(bucket)}`, scope };
  }
  return { origin: { ...origin, host: `${bucket}.${origin.host}` }, basePath: path, scope };
}

function parseEndpoint(endpointUrl: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(endpointUrl);
  } catch {
    // Answered below, together with the other URLs that are not an endpoint.
  }
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== "") {
    const message = `the endpoint ${JSON.stringify(endpointUrl)} is no http:// or https:// URL`;
    throw new S3Error(message, { kind: "rejected", operation: "Endpoint" });
  }
  return url;
}
