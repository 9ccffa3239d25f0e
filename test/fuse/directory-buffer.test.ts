/** READDIR and READDIRPLUS, parsed as fs/fuse/readdir.c parses them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { DirectoryEntry, DirectoryWriter } from "../../src/base/attributes.ts";
import { request } from "./requests.ts";
import { entryOf, served } from "./served.ts";

interface Parsed {
  readonly nodeid: number | undefined;
  readonly ino: number;
  readonly nextOffset: number;
  readonly type: number;
  readonly name: string;
}

function parse(body: Buffer, plus: boolean): readonly Parsed[] {
  const found: Parsed[] = [];
  for (let at = 0; at < body.length; ) {
    const dirent = body.subarray(plus ? at + 128 : at);
    const nameBytes = dirent.readUInt32LE(16);
    found.push({
      nodeid: plus ? Number(body.readBigUInt64LE(at)) : undefined,
      ino: Number(dirent.readBigUInt64LE(0)),
      nextOffset: Number(dirent.readBigUInt64LE(8)),
      type: dirent.readUInt32LE(20),
      name: dirent.toString("utf8", 24, 24 + nameBytes),
    });
    const recordBytes = (plus ? 128 : 0) + Math.ceil((24 + nameBytes) / 8) * 8;
    const end = at + recordBytes;
    const padding = dirent.subarray(24 + nameBytes, recordBytes - (plus ? 128 : 0));
    expect(padding.every((byte) => byte === 0)).toBe(true);
    expect(end).toBeLessThanOrEqual(body.length);
    at = end;
  }
  return found;
}

/** One readdir that adds what fits of `entries`: the reply's body, and how many were added. */
function list(
  entries: readonly DirectoryEntry[],
  options: { readonly size: number; readonly plus: boolean },
): { readonly body: Buffer; readonly addedCount: number } {
  let addedCount = 0;
  const readdir = (_fh: number, _offset: number, writer: DirectoryWriter): void => {
    expect(writer.plus).toBe(options.plus);
    for (const entry of entries) {
      if (!writer.add(entry)) return;
      addedCount += 1;
    }
  };
  const { kernel } = served({ readdir });
  const { size, plus } = options;
  kernel.deliver(plus ? request.readdirplus({}, 1, 0, size) : request.readdir({}, 1, 0, size));
  const { body, errno } = kernel.replyTo(2);
  expect(errno).toBe(0);
  return { body, addedCount };
}

const entry = fc.record({
  name: fc
    .string({ minLength: 1, maxLength: 300, unit: "grapheme" })
    .filter((name) => name !== "." && name !== ".."),
  ino: fc.integer({ min: 2, max: Number.MAX_SAFE_INTEGER }),
  kind: fc.constantFrom("file" as const, "directory" as const),
  nextOffset: fc.maxSafeNat(),
});

describe.each([false, true])("a directory reply with plus %s", (plus) => {
  test("holds whole records of the first entries, as many as fit, and no more", () => {
    const entries = fc.array(entry, { maxLength: 30 });
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: 6000 }), (wanted, size) => {
        const withEntries = wanted.map((it) => (plus ? { ...it, entry: entryOf(it.ino) } : it));
        const { body, addedCount } = list(withEntries, { size, plus });
        expect(body.length).toBeLessThanOrEqual(size);
        expect(parse(body, plus)).toEqual(
          wanted.slice(0, addedCount).map(({ name, ino, kind, nextOffset }) => ({
            nodeid: plus ? ino : undefined,
            ino,
            nextOffset,
            type: kind === "file" ? 8 : 4,
            name: Buffer.from(name).toString(),
          })),
        );
        const next = wanted[addedCount];
        if (next === undefined) return;
        const recordBytes =
          (plus ? 128 : 0) + Math.ceil((24 + Buffer.byteLength(next.name)) / 8) * 8;
        expect(body.length + recordBytes).toBeGreaterThan(size - (size % 8));
      }),
      { numRuns: 200 },
    );
  });
});

describe("a directory reply", () => {
  const dot = { name: ".", ino: 1, kind: "directory", nextOffset: 1 } as const;

  test("with plus does not look up what has no entry", () => {
    const { body } = list([dot, { ...dot, name: "a", ino: 5, entry: entryOf(5) }], {
      size: 4096,
      plus: true,
    });
    expect(parse(body, true)).toMatchObject([
      { nodeid: 0, ino: 1, name: "." },
      { nodeid: 5, ino: 5, name: "a" },
    ]);
    expect(body.subarray(0, 128)).toEqual(Buffer.alloc(128));
  });

  test("is never larger than one transfer, whatever the kernel has room for", () => {
    const many = Array.from({ length: 40_000 }, (_, i) => ({ ...dot, name: "n", nextOffset: i }));
    const { body } = list(many, { size: 0xffff_ffff, plus: false });
    expect(body).toHaveLength(1024 * 1024);
  });

  test("of a directory that has ended is empty", () => {
    expect(list([], { size: 4096, plus: false }).body).toHaveLength(0);
  });
});
