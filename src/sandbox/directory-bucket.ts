/** Directory buckets (S3 Express One Zone), which are told by their names. */

/** Whether a bucket of this name is one of S3 Express One Zone. */
export function isDirectoryBucket(name: string): boolean {
  return /^[a-z0-9][a-z0-9-]*--[a-z0-9-]+--x-s3$/.test(name);
}
