/**
 * The addon's checksums without the addon, for `portable.ts`: eight bytes at a step by tables, as the
 * C sources do where a processor has no instructions for it. The two halves of a 64-bit register are
 * kept apart, since 64-bit integers of JavaScript are allocated.
 */

/** Both reflected: the highest power of x is the lowest bit. */
const CRC32C_POLYNOMIAL = 0x82f63b78;
const CRC64NVME_POLYNOMIAL = 0x9a6c9329ac4bc9b5n;

const STEP_BYTES = 8;
const TWO_32 = 0x1_0000_0000n;
const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** At 256 × k + b: what byte b does to the register, k bytes before the end of a step. */
interface Tables {
  readonly low: Int32Array;
  readonly high: Int32Array;
}

/** Made at the first use. */
let tables32: Tables | undefined;
let tables64: Tables | undefined;

function tablesOf(polynomial: bigint): Tables {
  const low = new Int32Array(256 * STEP_BYTES);
  const high = new Int32Array(256 * STEP_BYTES);
  for (let index = 0; index < low.length; index++) {
    // The zero byte behind another one: eight more divisions of what that one left.
    const before = index - 256;
    let value =
      before < 0
        ? BigInt(index)
        : (BigInt(at(high, before) >>> 0) << 32n) | BigInt(at(low, before) >>> 0);
    for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (value & 1n ? polynomial : 0n);
    low[index] = Number(value % TWO_32);
    high[index] = Number(value >> 32n);
  }
  return { low, high };
}

/** An element that is known to exist. */
function at(array: Int32Array | Uint8Array, index: number): number {
  return array[index] ?? 0;
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    at(bytes, offset) |
    (at(bytes, offset + 1) << 8) |
    (at(bytes, offset + 2) << 16) |
    (at(bytes, offset + 3) << 24)
  );
}

/** What the four bytes of `word` do, the first of them `k` bytes before the end of a step. */
function effect(table: Int32Array, word: number, k: number): number {
  return (
    at(table, k * 256 + (word & 0xff)) ^
    at(table, (k - 1) * 256 + ((word >>> 8) & 0xff)) ^
    at(table, (k - 2) * 256 + ((word >>> 16) & 0xff)) ^
    at(table, (k - 3) * 256 + (word >>> 24))
  );
}

export function crc32cOf(bytes: Uint8Array, crc: number): number {
  tables32 ??= tablesOf(BigInt(CRC32C_POLYNOMIAL));
  const { low: table } = tables32;
  let state = ~crc;
  let offset = 0;
  for (; bytes.length - offset >= STEP_BYTES; offset += STEP_BYTES) {
    state =
      effect(table, wordAt(bytes, offset) ^ state, 7) ^ effect(table, wordAt(bytes, offset + 4), 3);
  }
  for (; offset < bytes.length; offset++) {
    state = (state >>> 8) ^ at(table, (state ^ at(bytes, offset)) & 0xff);
  }
  return ~state >>> 0;
}

export function crc64nvmeOf(bytes: Uint8Array, crc: bigint): bigint {
  tables64 ??= tablesOf(CRC64NVME_POLYNOMIAL);
  const tables = tables64;
  let low = ~Number(crc % TWO_32);
  let high = ~Number(crc >> 32n);
  let offset = 0;
  for (; bytes.length - offset >= STEP_BYTES; offset += STEP_BYTES) {
    const first = wordAt(bytes, offset) ^ low;
    const second = wordAt(bytes, offset + 4) ^ high;
    low = effect(tables.low, first, 7) ^ effect(tables.low, second, 3);
    high = effect(tables.high, first, 7) ^ effect(tables.high, second, 3);
  }
  for (; offset < bytes.length; offset++) {
    const index = (low ^ at(bytes, offset)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ at(tables.low, index);
    high = (high >>> 8) ^ at(tables.high, index);
  }
  return (~((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)) & MASK_64) as bigint;
}
