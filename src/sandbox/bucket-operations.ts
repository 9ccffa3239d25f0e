/** ListBuckets, CreateBucket, HeadBucket, GetBucketLocation and DeleteBucket. */

import { SandboxError } from "./error.ts";
import { type Answer, bucketOf, type Call, emptyAnswer, xmlAnswer } from "./operation.ts";
import { element, isoTime, parent, xmlDocument } from "./xml.ts";
import { scanXml } from "./xml-scanner.ts";

const CONFIGURATION_BYTES_MAX = 64 * 1024;
/** The region whose location constraint is the empty one. */
const NAMELESS_REGION = "us-east-1";

export function listBuckets(call: Call): Answer {
  const buckets = call.buckets
    .all()
    .map(({ name, createdMs }) =>
      parent("Bucket", element("Name", name), element("CreationDate", isoTime(createdMs))),
    );
  const owner = parent("Owner", element("ID", "sandbox"), element("DisplayName", "sandbox"));
  return xmlAnswer(xmlDocument("ListAllMyBucketsResult", owner, parent("Buckets", ...buckets)));
}

export async function createBucket(call: Call): Promise<Answer> {
  const name = call.request.bucket;
  const configuration = await call.body.text(CONFIGURATION_BYTES_MAX);
  if (configuration.trim() !== "") scanXml(configuration);
  if (call.buckets.find(name) !== undefined) {
    throw new SandboxError("BucketAlreadyOwnedByYou", undefined, { BucketName: name });
  }
  call.buckets.create(name);
  return emptyAnswer(200, { location: `/${name}` });
}

export function headBucket(call: Call): Answer {
  bucketOf(call);
  return emptyAnswer(200, { "x-amz-bucket-region": call.region });
}

export function getBucketLocation(call: Call): Answer {
  bucketOf(call);
  return xmlAnswer(
    xmlDocument("LocationConstraint", call.region === NAMELESS_REGION ? "" : call.region),
  );
}

export function deleteBucket(call: Call): Answer {
  call.buckets.delete(call.request.bucket);
  return emptyAnswer(204);
}
