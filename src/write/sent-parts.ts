/**
 * The parts of one upload that were sent, as we know them and as the store says it has them: compared
 * before completion, and what proves afterwards that a stored object is ours.
 */

import type { Checksum, UploadedPart } from "../s3/index.ts";
import type { OutgoingPart } from "./outgoing-part.ts";
import type { RunningSum, Sums } from "./running-sum.ts";

interface SentPart {
  readonly byteCount: number;
  readonly checksum: Checksum | undefined;
  uploaded: UploadedPart | undefined;
}

export class SentParts {
  readonly #parts: SentPart[] = [];

  add({ byteCount, checksum }: OutgoingPart): void {
    this.#parts.push({ byteCount, checksum, uploaded: undefined });
  }

  note(partNumber: number, uploaded: UploadedPart): void {
    const part = this.#parts[partNumber - 1];
    if (part !== undefined) part.uploaded = uploaded;
  }

  /** The parts as the store has them, or why they are not the `byteCount` bytes that were written. */
  compared(byteCount: number): readonly UploadedPart[] | string {
    const uploadedParts: UploadedPart[] = [];
    let sentBytes = 0;
    for (const [i, { byteCount: partBytes, checksum, uploaded }] of this.#parts.entries()) {
      if (uploaded?.partNumber !== i + 1) return `part ${i + 1} is missing`;
      if (uploaded.sizeBytes !== partBytes) {
        return `part ${i + 1} has ${uploaded.sizeBytes} of ${partBytes} bytes`;
      }
      // Stores that know no checksums send none back.
      if (uploaded.checksum !== undefined && uploaded.checksum.base64 !== checksum?.base64) {
        return `part ${i + 1} has another checksum`;
      }
      sentBytes += partBytes;
      uploadedParts.push(uploaded);
    }
    if (sentBytes === byteCount) return uploadedParts;
    return `the parts have ${sentBytes} of ${byteCount} bytes`;
  }

  /** What the store computes of all parts: the `whole` sum, or the sum of the parts' sums. */
  objectChecksum(sums: Sums, whole: RunningSum | undefined): Checksum | undefined {
    if (whole !== undefined) return sums.toSend(whole);
    const composite = sums.start();
    for (const { checksum } of this.#parts) {
      if (checksum === undefined) return undefined;
      composite.update(Buffer.from(checksum.base64, "base64"));
    }
    const checksum = sums.toSend(composite);
    return checksum && { ...checksum, base64: `${checksum.base64}-${this.#parts.length}` };
  }
}
