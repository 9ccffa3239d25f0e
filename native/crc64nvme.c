/*
 * CRC-64/NVME. By instruction, eight lanes of 16 bytes are folded: a lane is multiplied by the
 * power of x that separates it from the bytes 128 further on, and added to those. What is left in
 * the end are 16 bytes that have the same remainder as the whole; the tables finish them.
 */
#include "checksum.h"
#include "processor.h"

#define LANE_BYTES 16
#define LANES 8

/* table[k][b]: what byte b does to the register, k bytes before the end of a word. */
static uint64_t table[8][256];

/* Factors that move the two halves of a lane `bytes` further. */
struct fold {
  uint64_t low;
  uint64_t high;
};
static struct fold over_lane, over_lanes;

static uint64_t times_x(uint64_t value) {
  return value >> 1 ^ (value & 1 ? CRC64NVME_POLYNOMIAL : 0);
}

static uint64_t power_of_x(size_t exponent) {
  uint64_t power = UINT64_C(1) << 63;
  for (size_t i = 0; i < exponent; i++)
    power = times_x(power);
  return power;
}

/*
 * The low half of a lane stands 64 powers above the high one. Less x, because the reflected product
 * of two 64-bit factors comes out one power of x too high in 128 bits.
 */
static struct fold fold_over(size_t bytes) {
  return (struct fold){.low = power_of_x(8 * bytes + 64 - 1), .high = power_of_x(8 * bytes - 1)};
}

void crc64nvme_prepare(void) {
  for (uint64_t byte = 0; byte < 256; byte++) {
    uint64_t value = byte;
    for (int bit = 0; bit < 8; bit++)
      value = times_x(value);
    table[0][byte] = value;
  }
  for (int k = 1; k < 8; k++)
    for (int byte = 0; byte < 256; byte++)
      table[k][byte] = table[k - 1][byte] >> 8 ^ table[0][table[k - 1][byte] & 0xff];
  over_lane = fold_over(LANE_BYTES);
  over_lanes = fold_over(LANES * LANE_BYTES);
}

static uint64_t advance(uint64_t state, const uint8_t *data, size_t length) {
  for (; length >= 8; length -= 8, data += 8) {
    uint64_t word = load_word(data) ^ state;
    state = 0;
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
      state ^= table[7 - k][word >> 8 * k & 0xff];
  }
  for (; length > 0; length--, data++)
    state = state >> 8 ^ table[0][(state ^ *data) & 0xff];
  return state;
}

uint64_t crc64nvme_by_table(uint64_t crc, const uint8_t *data, size_t length) {
  return ~advance(~crc, data, length);
}

#ifdef PROCESSOR_NONE

uint64_t crc64nvme_by_instruction(uint64_t crc, const uint8_t *data, size_t length) {
  return crc64nvme_by_table(crc, data, length);
}

#else

ACCELERATED uint64_t crc64nvme_by_instruction(uint64_t crc, const uint8_t *data, size_t length) {
  if (length < LANES * LANE_BYTES)
    return crc64nvme_by_table(crc, data, length);
  lane lanes[LANES];
  for (int i = 0; i < LANES; i++)
    lanes[i] = lane_load(data + i * LANE_BYTES);
  lanes[0] = lane_add(lanes[0], lane_of(~crc, 0));
  data += LANES * LANE_BYTES;
  length -= LANES * LANE_BYTES;

  lane factors = lane_of(over_lanes.low, over_lanes.high);
  for (; length >= LANES * LANE_BYTES; length -= LANES * LANE_BYTES, data += LANES * LANE_BYTES)
    for (int i = 0; i < LANES; i++)
      lanes[i] = lane_add(lane_dot(lanes[i], factors), lane_load(data + i * LANE_BYTES));

  factors = lane_of(over_lane.low, over_lane.high);
  lane sum = lanes[0];
  for (int i = 1; i < LANES; i++)
    sum = lane_add(lane_dot(sum, factors), lanes[i]);
  for (; length >= LANE_BYTES; length -= LANE_BYTES, data += LANE_BYTES)
    sum = lane_add(lane_dot(sum, factors), lane_load(data));

  uint8_t rest[LANE_BYTES];
  lane_store(rest, sum);
  return ~advance(advance(0, rest, sizeof rest), data, length);
}

#endif
