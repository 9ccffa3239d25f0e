/**
 * Memory: one byte budget for the bytes of objects, and the pool of blocks that it buys.
 *
 * Everything that is read or written passes through these blocks, so that the memory of a mount is
 * bounded by its budget and not by the number of open files. This layer knows nothing of what the
 * bytes are; it knows who waits for them.
 */

export { type BlockPoolOptions, createBlockPool, writableBytes } from "./arena.ts";
export {
  BLOCK_BYTES,
  type Block,
  type BlockPool,
  type BlockUse,
  type Holder,
} from "./block-pool.ts";
export { MemoryError, type MemoryErrorKind } from "./error.ts";
export { Intake } from "./intake.ts";
export { SMALL_BYTES, SmallBuffer, SmallBuffers } from "./small-buffers.ts";
export { arenaBudget, defaultMemoryTarget, type MemorySource } from "./target.ts";
