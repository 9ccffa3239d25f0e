/*
 * The two checksums, each by tables and, where the processor can, by its instructions.
 *
 * Both are "reflected": bit 0 of a byte is the highest power of x that it holds, so a register is
 * shifted right and the polynomial is written with its lowest power in the highest bit. Both start
 * from all ones and end inverted, so that `crc` below, 0 to begin with, can be carried on.
 */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they lie");

/* CRC-32C (RFC 3720, Castagnoli), 0x1EDC6F41 reflected. */
#define CRC32C_POLYNOMIAL UINT32_C(0x82F63B78)
/* CRC-64/NVME (NVM Express, "64b CRC"), 0xAD93D23594C93659 reflected. */
#define CRC64NVME_POLYNOMIAL UINT64_C(0x9A6C9329AC4BC9B5)

/* Build the tables and constants; before anything else, once. */
void crc32c_prepare(void);
void crc64nvme_prepare(void);

uint32_t crc32c_by_table(uint32_t crc, const uint8_t *data, size_t length);
uint64_t crc64nvme_by_table(uint64_t crc, const uint8_t *data, size_t length);

/* Only where processor_accelerates() says so. */
uint32_t crc32c_by_instruction(uint32_t crc, const uint8_t *data, size_t length);
uint64_t crc64nvme_by_instruction(uint64_t crc, const uint8_t *data, size_t length);

static inline uint64_t load_word(const uint8_t *data) {
  uint64_t word;
  memcpy(&word, data, sizeof word);
  return word;
}

#endif
