/**
 * AES-GCM by OpenSSL and by the processor's wide instructions: the vectors of its specification, what
 * Node seals, and every bit of it that may change.
 */

import { createCipheriv } from "node:crypto";
import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { addon } from "../../src/native/index.ts";

interface Case {
  readonly key: Uint8Array;
  readonly vector: Uint8Array;
  readonly header: Uint8Array;
  readonly plain: Uint8Array;
}

function seal({ key, vector, header, plain }: Case): Buffer {
  const name = key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
  const cipher = createCipheriv(name, key, vector).setAAD(header);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

const ZEROES = "00".repeat(16);
const KEY = "feffe9928665731c6d6a8f9467308308";
const VECTOR = "cafebabefacedbaddecaf888";
const HEADER = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const PLAIN =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
const SEALED_128 =
  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985";
const SEALED_256 =
  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";
/** How much of them, in digits, the cases with a header take. */
const PART = 120;

/** Those of McGrew and Viega's "The Galois/Counter Mode of Operation", which NIST has taken over. */
const CASES: readonly (readonly [number, Readonly<Record<string, string>>])[] = [
  [1, { key: ZEROES, sealed: "", tag: "58e2fccefa7e3061367f1d57a4e7455a" }],
  [
    2,
    {
      key: ZEROES,
      plain: ZEROES,
      sealed: "0388dace60b6a392f328c2b971b2fe78",
      tag: "ab6e47d42cec13bdf53a67b21257bddf",
    },
  ],
  [
    3,
    {
      key: KEY,
      vector: VECTOR,
      plain: PLAIN,
      sealed: SEALED_128,
      tag: "4d5c2af327cd64a62cf35abd2ba6fab4",
    },
  ],
  [
    4,
    {
      key: KEY,
      vector: VECTOR,
      header: HEADER,
      plain: PLAIN.slice(0, PART),
      sealed: SEALED_128.slice(0, PART),
      tag: "5bc94fbc3221a5db94fae95ae7121a47",
    },
  ],
  [13, { key: ZEROES + ZEROES, sealed: "", tag: "530f8afbc74536b9a963b4f1c4cb738b" }],
  [
    14,
    {
      key: ZEROES + ZEROES,
      plain: ZEROES,
      sealed: "cea7403d4d606b6e074ec5d3baf39d18",
      tag: "d0d1c8a799996bf0265b98b5d48ab919",
    },
  ],
  [
    15,
    {
      key: KEY + KEY,
      vector: VECTOR,
      plain: PLAIN,
      sealed: SEALED_256,
      tag: "b094dac5d93471bdec1a502270e3cc6c",
    },
  ],
  [
    16,
    {
      key: KEY + KEY,
      vector: VECTOR,
      header: HEADER,
      plain: PLAIN.slice(0, PART),
      sealed: SEALED_256.slice(0, PART),
      tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
  ],
];

const flags = readFileSync("/proc/cpuinfo", "utf8");
const isWide = ["vaes", "vpclmulqdq", "avx512vl", "avx512bw"].every((flag) =>
  new RegExp(`^flags\\b.* ${flag}\\b`, "m").test(flags),
);

const none = new Uint8Array();

test("the wide instructions are used wherever they are", () => {
  const result = addon().openSealed(
    false,
    Buffer.alloc(16),
    Buffer.alloc(12),
    none,
    Buffer.alloc(16),
    none,
  );
  expect(result).toBe(isWide ? false : undefined);
});

test("what has another length than it must have is refused", () => {
  const lengths = [
    [17, 12, 16, 0],
    [16, 11, 16, 0],
    [16, 12, 15, 0],
    [16, 12, 20, 3],
    [16, 12, 20, 5],
  ] as const;
  for (const [key, vector, sealed, content] of lengths)
    expect(() =>
      addon().openSealed(
        true,
        Buffer.alloc(key),
        Buffer.alloc(vector),
        none,
        Buffer.alloc(sealed),
        Buffer.alloc(content),
      ),
    ).toThrow(RangeError);
});

describe.each([
  ["OpenSSL", true],
  ["wide instructions", false],
] as const)("by %s", (_, byOpenSsl) => {
  // On a processor without them there is nothing to test but OpenSSL, which is then what is used.
  const engine = byOpenSsl || !isWide;

  function open(secret: Case, sealed: Uint8Array, content: Uint8Array): boolean | undefined {
    return addon().openSealed(engine, secret.key, secret.vector, secret.header, sealed, content);
  }

  test.each(CASES)("opens test case %i of the specification", (_number, fields) => {
    const field = (name: string, missing = ""): Buffer =>
      Buffer.from(fields[name] ?? missing, "hex");
    const plain = field("plain");
    const content = Buffer.alloc(plain.length);
    const secret = {
      key: field("key"),
      vector: field("vector", "00".repeat(12)),
      header: field("header"),
      plain,
    };
    const sealed = Buffer.concat([field("sealed"), field("tag")]);
    expect(open(secret, sealed, content)).toBe(true);
    expect(content.equals(plain)).toBe(true);
  });

  const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
  const secrets = (plain: fc.Arbitrary<Uint8Array>) =>
    fc.record({
      key: fc.oneof(bytes(16, 16), bytes(32, 32)),
      vector: bytes(12, 12),
      header: bytes(0, 700),
      plain,
    });
  /** Of any length, with few choices of what is in it, which the cipher makes as good as any. */
  const long = fc
    .record({
      length: fc.integer({ min: 0, max: 20_000 }),
      first: fc.integer({ min: 0, max: 255 }),
    })
    .map(({ length, first }) => Buffer.alloc(length).map((_byte, index) => first + index * 7));

  test("opens whatever Node seals, and writes nothing beside it", () => {
    const property = fc.property(secrets(long), fc.nat(63), (secret, shift) => {
      const around = Buffer.alloc(secret.plain.length + 128, 0xa5);
      const content = around.subarray(shift, shift + secret.plain.length);
      const sealed = Buffer.concat([Buffer.alloc(shift), seal(secret)]).subarray(shift);
      expect(open(secret, sealed, content)).toBe(true);
      expect(content.equals(secret.plain)).toBe(true);
      content.fill(0xa5);
      expect(around.equals(Buffer.alloc(around.length, 0xa5))).toBe(true);
    });
    fc.assert(property, { numRuns: 100 });
  });

  test("opens every length up to three steps and a bit", () => {
    for (const keyBytes of [16, 32])
      for (let length = 0; length <= 3 * 256 + 17; length++) {
        const plain = Buffer.alloc(length, length);
        const header = Buffer.alloc(length % 37, 1);
        const secret = {
          key: Buffer.alloc(keyBytes, 9),
          vector: Buffer.alloc(12, 3),
          header,
          plain,
        };
        const content = Buffer.alloc(length);
        // Not `expect`, which takes longer than the rest.
        if (open(secret, seal(secret), content) !== true || !content.equals(plain))
          throw new Error(`${length} bytes are not opened`);
      }
  });

  test("refuses a single bit that has changed, in what is sealed, its tag or its header", () => {
    const property = fc.property(secrets(bytes(1, 600)), (secret) => {
      const sealed = seal(secret);
      const content = Buffer.alloc(secret.plain.length);
      for (const changed of [sealed, secret.header, secret.vector, secret.key])
        for (let bit = 0; bit < 8 * changed.length; bit++) {
          changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          if (open(secret, sealed, content) !== false) throw new Error(`bit ${bit} is not missed`);
          changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        }
      expect(open(secret, sealed, content)).toBe(true);
    });
    fc.assert(property, { numRuns: 12 });
  });
});
