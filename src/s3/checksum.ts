/**
 * Checksums as S3 spells them: an algorithm and the base64 of the big-endian value.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

export type ChecksumAlgorithm = "crc32c" | "crc64nvme";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly base64: string;
}
