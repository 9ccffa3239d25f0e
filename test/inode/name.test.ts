import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  checkName,
  compareKeys,
  exceedsBytes,
  isValidName,
  nameBefore,
} from "../../src/inode/name.ts";

describe("compareKeys", () => {
  test("orders any two keys as their UTF-8 does", () => {
    const key = fc.string({ unit: "binary", maxLength: 6 });
    fc.assert(
      fc.property(key, key, (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(compareKeys(a, b))).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test("puts what is beyond the basic plane behind U+FFFF, unlike JavaScript", () => {
    expect(compareKeys("\uffff", "😀")).toBeLessThan(0);
    expect("\uffff" < "😀").toBe(false);
  });
});

test("nameBefore sorts before the name, is valid UTF-8, and holds no slash", () => {
  const name = fc.string({ unit: "binary", minLength: 1, maxLength: 6 }).filter(isValidName);
  fc.assert(
    fc.property(name, (each) => {
      const before = nameBefore(each);
      expect(compareKeys(before, each)).toBeLessThan(0);
      expect(before).not.toContain("/");
      expect(Buffer.from(before).toString()).toBe(before);
    }),
    { numRuns: 2000 },
  );
  expect(["b", "x1", "x0", "x ", "\u{e000}"].map(nameBefore)).toEqual([
    "a~",
    "x0~",
    "x.~",
    "x",
    "\ud7ff~",
  ]);
});

test("exceedsBytes agrees with the encoded length", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), fc.nat(30), (text, bytesMax) => {
      expect(exceedsBytes(text, bytesMax)).toBe(Buffer.byteLength(text) > bytesMax);
    }),
  );
});

describe("names", () => {
  test("whatever a listing shows can be looked up", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 8 }), (name) => {
        if (isValidName(name)) checkName("a/b/", name);
        else expect(() => checkName("a/b/", name)).toThrow();
      }),
    );
  });

  test("of 255 bytes fit and of 256 do not, in any script", () => {
    expect(isValidName("x".repeat(255))).toBe(true);
    expect(isValidName("x".repeat(256))).toBe(false);
    expect(isValidName("é".repeat(127))).toBe(true);
    expect(isValidName("é".repeat(128))).toBe(false);
  });

  test("fit a key of 1,024 bytes and not of 1,025", () => {
    const prefix = `${"p".repeat(199)}/`.repeat(4);
    checkName(prefix, "x".repeat(224));
    expect(() => checkName(prefix, "x".repeat(225))).toThrow("1025 bytes");
  });
});
