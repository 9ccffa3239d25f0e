/**
 * The checksum of a run of bytes, taken as they come: what goes with a part to S3 and is compared with
 * what S3 computes, or only here, with what is in memory when the part has been sent.
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Checksum, ChecksumAlgorithm, Checksums } from "../s3/index.ts";

/** `off`: bytes are summed all the same, but only compared with our own memory. */
export type UploadChecksums = ChecksumAlgorithm | "off";

/** A sum under way. */
export interface RunningSum {
  update(bytes: Uint8Array): void;
  /** The base64 of the big-endian value, as S3 spells it. */
  readonly base64: string;
}

/** Which sums a mount's uploads are taken with. */
export class Sums {
  readonly #kind: UploadChecksums;
  readonly #checksums: Checksums;

  constructor(kind: UploadChecksums, checksums: Checksums) {
    this.#kind = kind;
    this.#checksums = checksums;
  }

  /** The same checksums by another algorithm; none is told when it is undefined. */
  by(algorithm: ChecksumAlgorithm | undefined): Sums {
    return new Sums(algorithm ?? "off", this.#checksums);
  }

  /** What S3 is told; undefined when it is told nothing. */
  get algorithm(): ChecksumAlgorithm | undefined {
    return this.#kind === "off" ? undefined : this.#kind;
  }

  start(): RunningSum {
    switch (this.#kind) {
      case "crc32":
        return new Crc32Sum(crc32);
      case "crc32c":
      case "off":
        return new Crc32Sum((bytes, crc) => this.#checksums.crc32c(bytes, crc));
      case "crc64nvme":
        return new Crc64Sum(this.#checksums);
      case "sha1":
      case "sha256":
        return new HashSum(this.#kind);
    }
  }

  /** That of a whole object, if S3 computes one of the parts' sums to compare it with. */
  startWhole(): RunningSum | undefined {
    return this.#kind === "crc64nvme" ? this.start() : undefined;
  }

  /** `sum` as it is sent, if it is. */
  toSend(sum: RunningSum): Checksum | undefined {
    const { algorithm } = this;
    return algorithm && { algorithm, base64: sum.base64 };
  }
}

class Crc32Sum implements RunningSum {
  readonly #continued: Checksums["crc32c"];
  #crc = 0;

  constructor(continued: Checksums["crc32c"]) {
    this.#continued = continued;
  }

  update(bytes: Uint8Array): void {
    this.#crc = this.#continued(bytes, this.#crc);
  }

  get base64(): string {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#crc);
    return bytes.toString("base64");
  }
}

class Crc64Sum implements RunningSum {
  readonly #checksums: Checksums;
  #crc = 0n;

  constructor(checksums: Checksums) {
    this.#checksums = checksums;
  }

  update(bytes: Uint8Array): void {
    this.#crc = this.#checksums.crc64nvme(bytes, this.#crc);
  }

  get base64(): string {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(this.#crc);
    return bytes.toString("base64");
  }
}

class HashSum implements RunningSum {
  readonly #hash: ReturnType<typeof createHash>;

  constructor(algorithm: "sha1" | "sha256") {
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  get base64(): string {
    return this.#hash.copy().digest("base64");
  }
}
