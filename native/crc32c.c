/*
 * CRC-32C. By instruction, three streams run side by side, since one step takes three cycles to
 * give its result but a new one can start in each; the three results are then joined by moving the
 * earlier two across what comes after them, which multiplies them by a power of x.
 */
#include "checksum.h"
#include "processor.h"

/* table[k][b]: what byte b does to the register, k bytes before the end of a word. */
static uint32_t table[8][256];

/* How long each of the three streams is: long ones for speed, then short ones for what is left. */
static struct stride {
  size_t bytes;
  /* Factors that move a register over one stream and over two. */
  uint32_t over_one;
  uint32_t over_two;
} strides[] = {{.bytes = 4096}, {.bytes = 256}};

static uint32_t times_x(uint32_t value) {
  return value >> 1 ^ (value & 1 ? CRC32C_POLYNOMIAL : 0);
}

/*
 * The factor that moves a register over `bytes` zeroes, x^(8 * bytes), less x^33: the reflected
 * product of two 32-bit factors comes out one power of x too high in 64 bits, and the step that
 * then reduces it multiplies by x^32.
 */
static uint32_t factor_over(size_t bytes) {
  uint32_t power = UINT32_C(1) << 31;
  for (size_t i = 33; i < 8 * bytes; i++)
    power = times_x(power);
  return power;
}

void crc32c_prepare(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++)
      value = times_x(value);
    table[0][byte] = value;
  }
  for (int k = 1; k < 8; k++)
    for (int byte = 0; byte < 256; byte++)
      table[k][byte] = table[k - 1][byte] >> 8 ^ table[0][table[k - 1][byte] & 0xff];
  for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
    strides[i].over_one = factor_over(strides[i].bytes);
    strides[i].over_two = factor_over(2 * strides[i].bytes);
  }
}

uint32_t crc32c_by_table(uint32_t crc, const uint8_t *data, size_t length) {
  uint32_t state = ~crc;
  for (; length >= 8; length -= 8, data += 8) {
    uint64_t word = load_word(data) ^ state;
    state = 0;
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
      state ^= table[7 - k][word >> 8 * k & 0xff];
  }
  for (; length > 0; length--, data++)
    state = state >> 8 ^ table[0][(state ^ *data) & 0xff];
  return ~state;
}

#ifdef PROCESSOR_NONE

uint32_t crc32c_by_instruction(uint32_t crc, const uint8_t *data, size_t length) {
  return crc32c_by_table(crc, data, length);
}

#else

ACCELERATED static uint32_t three_streams(uint32_t state, const uint8_t *data,
                                          const struct stride *stride) {
  uint32_t first = state, second = 0, third = 0;
  for (size_t i = 0; i < stride->bytes; i += 8) {
    first = crc32c_word(first, load_word(data + i));
    second = crc32c_word(second, load_word(data + i + stride->bytes));
    third = crc32c_word(third, load_word(data + i + 2 * stride->bytes));
  }
  return crc32c_word(0, multiply(first, stride->over_two)) ^
         crc32c_word(0, multiply(second, stride->over_one)) ^ third;
}

ACCELERATED uint32_t crc32c_by_instruction(uint32_t crc, const uint8_t *data, size_t length) {
  uint32_t state = ~crc;
  for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
    size_t bytes = 3 * strides[i].bytes;
    for (; length >= bytes; length -= bytes, data += bytes)
      state = three_streams(state, data, &strides[i]);
  }
  for (; length >= 8; length -= 8, data += 8)
    state = crc32c_word(state, load_word(data));
  for (; length > 0; length--, data++)
    state = crc32c_byte(state, *data);
  return ~state;
}

#endif
