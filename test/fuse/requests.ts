/**
 * Composes requests byte for byte as the kernel does. The numbers are written out, from the kernel's
 * header, so that a mistake in the tables of the source shows.
 */

export interface Header {
  readonly unique?: number | bigint;
  readonly nodeid?: number | bigint;
  readonly uid?: number;
  readonly gid?: number;
  readonly pid?: number;
}

/** A whole request: header and body. */
export function compose(opcode: number, header: Header, ...body: readonly Uint8Array[]): Buffer {
  const { unique = 2, nodeid = 1, uid = 0, gid = 0, pid = 100 } = header;
  const bytes = Buffer.concat([Buffer.alloc(40), ...body]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(opcode, 4);
  bytes.writeBigUInt64LE(BigInt(unique), 8);
  bytes.writeBigUInt64LE(BigInt(nodeid), 16);
  bytes.writeUInt32LE(uid, 24);
  bytes.writeUInt32LE(gid, 28);
  bytes.writeUInt32LE(pid, 32);
  return bytes;
}

export function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}

export function u64(...values: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), index * 8);
  }
  return bytes;
}

/** A name with the NUL that ends it. */
export function name(text: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(1)]);
}

export const request = {
  lookup: (header: Header, of: string | Uint8Array) => compose(1, header, name(of)),
  forget: (header: Header, lookups: number | bigint) => compose(2, header, u64(lookups)),
  getattr: (header: Header, fh?: number) =>
    compose(3, header, u32(fh === undefined ? 0 : 1, 0), u64(fh ?? 0)),
  mknod: (header: Header, of: string, mode: number) =>
    compose(8, header, u32(mode, 0, 0o22, 0), name(of)),
  mkdir: (header: Header, of: string, mode: number) =>
    compose(9, header, u32(mode, 0o22), name(of)),
  unlink: (header: Header, of: string) => compose(10, header, name(of)),
  open: (header: Header, flags: number) => compose(14, header, u32(flags, 0)),
  read: (header: Header, fh: number | bigint, offset: number | bigint, size: number) =>
    compose(15, header, u64(fh, offset), u32(size, 0), u64(0), u32(0, 0)),
  write: (header: Header, fh: number, offset: number | bigint, data: Uint8Array) =>
    compose(16, header, u64(fh, offset), u32(data.length, 0), u64(0), u32(0, 0), data),
  statfs: (header: Header) => compose(17, header),
  release: (header: Header, fh: number) => compose(18, header, u64(fh), u32(0, 0), u64(0)),
  init: (major: number, minor: number, flags: number, flags2?: number) =>
    flags2 === undefined
      ? compose(26, { nodeid: 0 }, u32(major, minor, 131072, flags))
      : compose(26, { nodeid: 0 }, u32(major, minor, 131072, flags, flags2), Buffer.alloc(44)),
  opendir: (header: Header) => compose(27, header, u32(0, 0)),
  readdir: (header: Header, fh: number, offset: number | bigint, size: number) =>
    compose(28, header, u64(fh, offset), u32(size, 0), u64(0), u32(0, 0)),
  readdirplus: (header: Header, fh: number, offset: number, size: number) =>
    compose(44, header, u64(fh, offset), u32(size, 0), u64(0), u32(0, 0)),
  create: (header: Header, of: string, mode: number) =>
    compose(35, header, u32(0x8041, mode, 0o22, 0), name(of)),
  interrupt: (victim: number | bigint) =>
    compose(36, { unique: BigInt(victim) | 1n, nodeid: 0, pid: 0 }, u64(victim)),
  batchForget: (
    count: number,
    ...pairs: readonly (readonly [number | bigint, number | bigint])[]
  ) => compose(42, { nodeid: 0 }, u32(count, 0), ...pairs.map((pair) => u64(...pair))),
};
