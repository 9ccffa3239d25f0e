/*
 * Opening AES-GCM with the instructions that encrypt, and multiply without carries, four blocks at
 * once. Sixteen blocks make a step: each is multiplied by the power of H that separates it from the
 * end of the step, so that the sum of all products is reduced once.
 *
 * A block stands for a polynomial whose first bit is its lowest power (SP 800-38D, 6.3). With its
 * bytes reversed, bit i of the register is power 127 - i, and the product of two such registers is
 * that of their polynomials, reversed, but for one power of x: powers of H are kept times x. What
 * reduces a product divides it by x^128, which is what reversal asks for.
 *
 * No branch and no address depends on a secret: what is not vectors is lengths.
 */
#include "gcm.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,aes,pclmul")))
#define BLOCK_BYTES 16
#define STEP_BLOCKS 16
#define STEP_BYTES ((size_t)STEP_BLOCKS * BLOCK_BYTES)
/* Four blocks. */
#define VECTOR_BYTES 64

/* What instructions are to do: add three bits, and exchange the halves of a block. */
#define SUM_OF_THREE 0x96
#define SWAP_WORDS 0x4E

struct step {
  __m512i a;
  __m512i b;
  __m512i c;
  __m512i d;
};

/* Sums of the partial products of 64 by 64 bits. */
struct product {
  __m512i low;
  __m512i middle;
  __m512i high;
};

bool gcm_vaes_is_here(void) {
  unsigned eax, ebx, ecx = 0, edx;
  __builtin_cpu_init();
  /* This asks the system as well, which must keep the wide registers. */
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("aes") &&
         __builtin_cpu_supports("pclmul") && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
         (ecx & bit_VAES) != 0 && (ecx & bit_VPCLMULQDQ) != 0;
}

WIDE static inline __m128i load(const void *bytes) {
  return _mm_loadu_si128(bytes);
}

WIDE static inline __m512i load_four(const void *block) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(block));
}

/* Which bytes of vector `index` there are if there are `length` in all. */
static inline __mmask64 mask_of(size_t length, size_t index) {
  size_t before = index * VECTOR_BYTES;
  if (length >= before + VECTOR_BYTES)
    return ~(__mmask64)0;
  return length <= before ? 0 : ((__mmask64)1 << (length - before)) - 1;
}

/* The first `length` bytes of a step, and zeroes. */
WIDE static inline struct step load_step(const uint8_t *bytes, size_t length) {
  return (struct step){
      _mm512_maskz_loadu_epi8(mask_of(length, 0), bytes),
      _mm512_maskz_loadu_epi8(mask_of(length, 1), bytes + VECTOR_BYTES),
      _mm512_maskz_loadu_epi8(mask_of(length, 2), bytes + 2 * VECTOR_BYTES),
      _mm512_maskz_loadu_epi8(mask_of(length, 3), bytes + 3 * VECTOR_BYTES),
  };
}

WIDE static inline __m512i reverse(__m512i blocks) {
  const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_shuffle_epi8(blocks, _mm512_broadcast_i32x4(order));
}

WIDE static inline __m128i reverse_one(__m128i block) {
  return _mm512_castsi512_si128(reverse(_mm512_castsi128_si512(block)));
}

WIDE static inline void add_product(struct product *sum, __m512i one, __m512i other) {
  sum->low = _mm512_xor_si512(sum->low, _mm512_clmulepi64_epi128(one, other, 0x00));
  sum->high = _mm512_xor_si512(sum->high, _mm512_clmulepi64_epi128(one, other, 0x11));
  sum->middle = _mm512_ternarylogic_epi64(sum->middle, _mm512_clmulepi64_epi128(one, other, 0x01),
                                          _mm512_clmulepi64_epi128(one, other, 0x10), SUM_OF_THREE);
}

/*
 * The product over x^128 modulo the reversed polynomial x^128 + x^127 + x^126 + x^121 + 1. Adding
 * the polynomial times the lowest word removes that word, since the polynomial ends in 1, and adds
 * to the words above; then so for the next.
 */
WIDE static inline __m512i reduce(struct product sum) {
  const __m512i polynomial = _mm512_set1_epi64((long long)0xC200000000000000);
  __m512i low = _mm512_xor_si512(sum.low, _mm512_bslli_epi128(sum.middle, 8));
  __m512i high = _mm512_xor_si512(sum.high, _mm512_bsrli_epi128(sum.middle, 8));
  low = _mm512_xor_si512(_mm512_shuffle_epi32(low, SWAP_WORDS),
                         _mm512_clmulepi64_epi128(low, polynomial, 0x00));
  low = _mm512_xor_si512(_mm512_shuffle_epi32(low, SWAP_WORDS),
                         _mm512_clmulepi64_epi128(low, polynomial, 0x00));
  return _mm512_xor_si512(high, low);
}

WIDE static inline __m128i sum_of_four(__m512i blocks) {
  __m256i two =
      _mm256_xor_si256(_mm512_castsi512_si256(blocks), _mm512_extracti64x4_epi64(blocks, 1));
  return _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

WIDE static inline __m128i multiply(__m128i one, __m128i other) {
  struct product sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  add_product(&sum, _mm512_zextsi128_si512(one), _mm512_zextsi128_si512(other));
  return _mm512_castsi512_si128(reduce(sum));
}

/* The hash after a step, with its powers of H, of which the first is `powers`. */
WIDE static inline __m128i hash_step(__m128i hash, const uint8_t (*powers)[16], struct step step) {
  struct product sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  step.a = _mm512_xor_si512(reverse(step.a), _mm512_zextsi128_si512(hash));
  add_product(&sum, step.a, _mm512_loadu_si512(powers));
  add_product(&sum, reverse(step.b), _mm512_loadu_si512(powers + 4));
  add_product(&sum, reverse(step.c), _mm512_loadu_si512(powers + 8));
  add_product(&sum, reverse(step.d), _mm512_loadu_si512(powers + 12));
  return sum_of_four(reduce(sum));
}

/* The powers for a step of `length` bytes: it ends with H, behind which there are zeroes. */
static inline const uint8_t (*powers_of(const struct gcm_vaes *gcm, size_t length))[16] {
  return gcm->powers + STEP_BLOCKS - (length + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

WIDE static __m128i hash_bytes(const struct gcm_vaes *gcm, __m128i hash, const uint8_t *bytes,
                               size_t length) {
  while (length > 0) {
    size_t count = length < STEP_BYTES ? length : STEP_BYTES;
    hash = hash_step(hash, powers_of(gcm, count), load_step(bytes, count));
    bytes += count;
    length -= count;
  }
  return hash;
}

WIDE static __m128i encrypt(const struct gcm_vaes *gcm, __m128i block) {
  block = _mm_xor_si128(block, load(gcm->rounds[0]));
  for (unsigned round = 1; round < gcm->last_round; round++)
    block = _mm_aesenc_si128(block, load(gcm->rounds[round]));
  return _mm_aesenclast_si128(block, load(gcm->rounds[gcm->last_round]));
}

WIDE static inline void encrypt_round(struct step *step, __m512i key) {
  step->a = _mm512_aesenc_epi128(step->a, key);
  step->b = _mm512_aesenc_epi128(step->b, key);
  step->c = _mm512_aesenc_epi128(step->c, key);
  step->d = _mm512_aesenc_epi128(step->d, key);
}

/* The stream of one step, from the reversed `counter` of its first four blocks. */
WIDE static inline struct step stream_of(const struct gcm_vaes *gcm, __m512i counter) {
  const __m512i four = _mm512_broadcast_i32x4(_mm_set_epi32(0, 0, 0, 4));
  __m512i key = load_four(gcm->rounds[0]);
  struct step step = {.a = counter};
  step.b = _mm512_add_epi32(step.a, four);
  step.c = _mm512_add_epi32(step.b, four);
  step.d = _mm512_add_epi32(step.c, four);
  step.a = _mm512_xor_si512(reverse(step.a), key);
  step.b = _mm512_xor_si512(reverse(step.b), key);
  step.c = _mm512_xor_si512(reverse(step.c), key);
  step.d = _mm512_xor_si512(reverse(step.d), key);
  for (unsigned round = 1; round < gcm->last_round; round++)
    encrypt_round(&step, load_four(gcm->rounds[round]));
  key = load_four(gcm->rounds[gcm->last_round]);
  step.a = _mm512_aesenclast_epi128(step.a, key);
  step.b = _mm512_aesenclast_epi128(step.b, key);
  step.c = _mm512_aesenclast_epi128(step.c, key);
  step.d = _mm512_aesenclast_epi128(step.d, key);
  return step;
}

/* Writes what `sealed` was, which is there as far as the masks say. */
WIDE static inline void write_content(uint8_t *content, const struct step *sealed,
                                      struct step stream, size_t length) {
  _mm512_mask_storeu_epi8(content, mask_of(length, 0), _mm512_xor_si512(sealed->a, stream.a));
  _mm512_mask_storeu_epi8(content + VECTOR_BYTES, mask_of(length, 1),
                          _mm512_xor_si512(sealed->b, stream.b));
  _mm512_mask_storeu_epi8(content + 2 * VECTOR_BYTES, mask_of(length, 2),
                          _mm512_xor_si512(sealed->c, stream.c));
  _mm512_mask_storeu_epi8(content + 3 * VECTOR_BYTES, mask_of(length, 3),
                          _mm512_xor_si512(sealed->d, stream.d));
}

/* Decrypts and hashes; both begin with what is sealed, so that neither waits for the other. */
WIDE static __m128i decrypt(const struct gcm_vaes *gcm, __m128i hash, __m512i counter,
                            const uint8_t *sealed, size_t length, uint8_t *content) {
  const __m512i sixteen = _mm512_broadcast_i32x4(_mm_set_epi32(0, 0, 0, STEP_BLOCKS));
  for (; length >= STEP_BYTES; length -= STEP_BYTES) {
    struct step step = load_step(sealed, STEP_BYTES);
    write_content(content, &step, stream_of(gcm, counter), STEP_BYTES);
    hash = hash_step(hash, gcm->powers, step);
    counter = _mm512_add_epi32(counter, sixteen);
    sealed += STEP_BYTES;
    content += STEP_BYTES;
  }
  if (length == 0)
    return hash;
  struct step step = load_step(sealed, length);
  write_content(content, &step, stream_of(gcm, counter), length);
  return hash_step(hash, powers_of(gcm, length), step);
}

WIDE void gcm_vaes_open(const struct gcm_vaes *gcm, const uint8_t *vector, const uint8_t *header,
                        size_t header_bytes, const uint8_t *sealed, size_t length, uint8_t *content,
                        uint8_t *tag) {
  uint8_t first[BLOCK_BYTES] = {0};
  memcpy(first, vector, GCM_VECTOR_BYTES);
  first[BLOCK_BYTES - 1] = 1;
  /* Reversed, a counter is the lowest word of its block. The first one encrypts the tag. */
  const __m512i following = _mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1);
  __m512i counter = _mm512_add_epi32(_mm512_broadcast_i32x4(reverse_one(load(first))), following);
  __m128i hash = hash_bytes(gcm, _mm_setzero_si128(), header, header_bytes);
  hash = decrypt(gcm, hash, counter, sealed, length, content);
  __m128i lengths = _mm_set_epi64x((long long)header_bytes * 8, (long long)length * 8);
  hash = multiply(_mm_xor_si128(hash, lengths), load(gcm->powers[STEP_BLOCKS - 1]));
  _mm_storeu_si128((__m128i *)tag, _mm_xor_si128(reverse_one(hash), encrypt(gcm, load(first))));
}

/* Of each byte of a word what the cipher's table has. */
WIDE static uint32_t substitute(uint32_t word) {
  return (uint32_t)_mm_cvtsi128_si32(
      _mm_aeskeygenassist_si128(_mm_set_epi32(0, 0, (int)word, 0), 0));
}

/* FIPS 197, 5.2; words as they lie in memory. */
WIDE static void expand_key(struct gcm_vaes *gcm, const uint8_t *key, size_t key_bytes) {
  uint32_t words[15 * 4], constant = 1;
  size_t count = key_bytes / 4;
  gcm->last_round = (unsigned)count + 6;
  memcpy(words, key, key_bytes);
  for (size_t i = count; i < 4 * (gcm->last_round + (size_t)1); i++) {
    uint32_t word = words[i - 1];
    if (i % count == 0) {
      word = substitute(word >> 8 | word << 24) ^ constant;
      constant = (constant << 1 ^ (constant >> 7) * 0x11B) & 0xFF;
    } else if (count > 6 && i % count == 4) {
      word = substitute(word);
    }
    words[i] = words[i - count] ^ word;
  }
  memcpy(gcm->rounds, words, BLOCK_BYTES * (gcm->last_round + (size_t)1));
  openssl()->OPENSSL_cleanse(words, sizeof words);
}

/* Times x: what leaves at the top comes back as the rest of the reversed polynomial. */
WIDE static __m128i times_x(__m128i value) {
  uint64_t words[2];
  _mm_storeu_si128((__m128i *)words, value);
  uint64_t out = 0 - (words[1] >> 63);
  return _mm_set_epi64x((long long)((words[1] << 1 | words[0] >> 63) ^ (out & 0xC200000000000000)),
                        (long long)(words[0] << 1 ^ (out & 1)));
}

WIDE void gcm_vaes_set_key(struct gcm_vaes *gcm, const uint8_t *key, size_t key_bytes) {
  memset(gcm, 0, sizeof *gcm);
  expand_key(gcm, key, key_bytes);
  __m128i h = times_x(reverse_one(encrypt(gcm, _mm_setzero_si128()))), power = h;
  for (size_t i = STEP_BLOCKS; i-- > 0; power = multiply(power, h))
    _mm_storeu_si128((__m128i *)gcm->powers[i], power);
}

#else

bool gcm_vaes_is_here(void) {
  return false;
}

void gcm_vaes_set_key(struct gcm_vaes *gcm, const uint8_t *key, size_t key_bytes) {
  (void)gcm;
  (void)key;
  (void)key_bytes;
}

void gcm_vaes_open(const struct gcm_vaes *gcm, const uint8_t *vector, const uint8_t *header,
                   size_t header_bytes, const uint8_t *sealed, size_t length, uint8_t *content,
                   uint8_t *tag) {
  (void)gcm;
  (void)vector;
  (void)header;
  (void)header_bytes;
  (void)sealed;
  (void)length;
  (void)content;
  (void)tag;
}

#endif
