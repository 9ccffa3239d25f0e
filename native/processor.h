/*
 * The few instructions that the checksums use, under one name for x86-64 and ARMv8: the CRC-32C
 * step, and carry-less multiplication, which multiplies polynomials. A function that calls one of
 * these is marked ACCELERATED and only called where processor_accelerates().
 */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <wmmintrin.h>

#define PROCESSOR_ENGINE "sse4.2+pclmul"
#define ACCELERATED __attribute__((target("sse4.2,pclmul")))

/* 16 bytes of a message, or two 64-bit factors: the one at the lower address first. */
typedef __m128i lane;

static inline bool processor_accelerates(void) {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

ACCELERATED static inline uint32_t crc32c_byte(uint32_t crc, uint8_t byte) {
  return _mm_crc32_u8(crc, byte);
}

ACCELERATED static inline uint32_t crc32c_word(uint32_t crc, uint64_t word) {
  return (uint32_t)_mm_crc32_u64(crc, word);
}

ACCELERATED static inline uint64_t multiply(uint32_t a, uint32_t b) {
  return (uint64_t)_mm_cvtsi128_si64(
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(a), _mm_cvtsi64_si128(b), 0x00));
}

ACCELERATED static inline lane lane_of(uint64_t low, uint64_t high) {
  return _mm_set_epi64x((long long)high, (long long)low);
}

ACCELERATED static inline lane lane_load(const uint8_t *data) {
  return _mm_loadu_si128((const __m128i *)data);
}

ACCELERATED static inline void lane_store(uint8_t *data, lane value) {
  _mm_storeu_si128((__m128i *)data, value);
}

ACCELERATED static inline lane lane_add(lane a, lane b) {
  return _mm_xor_si128(a, b);
}

/* low(a) * low(b) + high(a) * high(b) */
ACCELERATED static inline lane lane_dot(lane a, lane b) {
  return _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x00), _mm_clmulepi64_si128(a, b, 0x11));
}

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#define PROCESSOR_ENGINE "armv8-crc+pmull"
#define ACCELERATED __attribute__((target("+crc+crypto")))

typedef uint64x2_t lane;

static inline bool processor_accelerates(void) {
  unsigned long wanted = HWCAP_CRC32 | HWCAP_PMULL;
  return (getauxval(AT_HWCAP) & wanted) == wanted;
}

ACCELERATED static inline uint32_t crc32c_byte(uint32_t crc, uint8_t byte) {
  return __crc32cb(crc, byte);
}

ACCELERATED static inline uint32_t crc32c_word(uint32_t crc, uint64_t word) {
  return __crc32cd(crc, word);
}

ACCELERATED static inline lane product(uint64_t a, uint64_t b) {
  return vreinterpretq_u64_p128(vmull_p64(a, b));
}

ACCELERATED static inline uint64_t multiply(uint32_t a, uint32_t b) {
  return vgetq_lane_u64(product(a, b), 0);
}

ACCELERATED static inline lane lane_of(uint64_t low, uint64_t high) {
  return vcombine_u64(vcreate_u64(low), vcreate_u64(high));
}

ACCELERATED static inline lane lane_load(const uint8_t *data) {
  return vreinterpretq_u64_u8(vld1q_u8(data));
}

ACCELERATED static inline void lane_store(uint8_t *data, lane value) {
  vst1q_u8(data, vreinterpretq_u8_u64(value));
}

ACCELERATED static inline lane lane_add(lane a, lane b) {
  return veorq_u64(a, b);
}

ACCELERATED static inline lane lane_dot(lane a, lane b) {
  return veorq_u64(product(vgetq_lane_u64(a, 0), vgetq_lane_u64(b, 0)),
                   product(vgetq_lane_u64(a, 1), vgetq_lane_u64(b, 1)));
}

#else

#define PROCESSOR_NONE

static inline bool processor_accelerates(void) {
  return false;
}

#endif

#endif
