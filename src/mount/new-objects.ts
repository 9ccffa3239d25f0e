/** What a mount's options say of the objects that it will store. */

import { ANY_BYTES } from "../write/index.ts";
import type { MountOptions, UploadChecksums } from "./options.ts";

/** The types of names by their extensions; loads the table, which only this needs. */
export async function inferredContentTypes(): Promise<(key: string) => string> {
  const { default: mime } = await import("mime");
  // With a slash, or a name without a dot would pass for an extension.
  return (key) => mime.getType(`/${key}`) ?? ANY_BYTES;
}

/** S3 on Outposts knows no checksums. */
export function uploadChecksumsFor({ bucket, uploadChecksums }: MountOptions): UploadChecksums {
  return /:s3-outposts:|--op-s3$/.test(bucket) ? "off" : uploadChecksums;
}
