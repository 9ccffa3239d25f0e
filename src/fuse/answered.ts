/**
 * The opcodes that the file system answers. Undo is exact: whatever a reply would have counted or
 * opened is given back when that reply does not reach the kernel.
 */

import { assert } from "../base/assert.ts";
import type {
  AttributeChanges,
  AttributesReply,
  Entry,
  FileSystemStatistics,
  Opened,
  ReadReply,
} from "../base/attributes.ts";
import { EIO } from "../base/errno.ts";
import {
  ATTR_OUT,
  CREATE_IN,
  ENTRY_OUT,
  FATTR,
  FLUSH_IN,
  FSYNC_IN,
  GETATTR_FH,
  GETATTR_IN,
  MKDIR_IN,
  MKNOD_IN,
  OPEN_IN,
  OPEN_OUT,
  READ_IN,
  RELEASE_IN,
  RENAME_IN,
  RENAME2_IN,
  SETATTR_IN,
  STATFS_OUT,
  WRITE_IN,
  WRITE_OUT,
} from "./abi.ts";
import { DirectoryBuffer } from "./directory-buffer.ts";
import {
  putAbsentEntry,
  putAttributesReply,
  putEntry,
  putOpened,
  putStatistics,
} from "./encode.ts";
import type { Operations, Reply } from "./operations.ts";
import { ReplyWriter } from "./reply.ts";
import { RequestError, type RequestReader } from "./request.ts";
import type { AnsweredRow, Row } from "./row.ts";

const BODY = ReplyWriter.bodyWord;

interface Created {
  readonly entry: Entry;
  readonly opened: Opened;
}

/** Lets rows of different results stand in one table; methods are compared bivariantly. */
function answered<T>(row: Omit<AnsweredRow<T>, "kind">): Row {
  return { ...row, kind: "answered" } satisfies AnsweredRow<T>;
}

function sendEntry(reply: ReplyWriter, entry: Entry): number {
  putEntry(reply.words, BODY, entry);
  return reply.send(ENTRY_OUT.bytes);
}

function forgetEntry(operations: Operations, entry: Entry): void {
  operations.forget(entry.attributes.ino, 1);
}

function sendAttributes(reply: ReplyWriter, value: AttributesReply): number {
  putAttributesReply(reply.words, BODY, value);
  return reply.send(ATTR_OUT.bytes);
}

function sendOpened(reply: ReplyWriter, opened: Opened): number {
  putOpened(reply.words, BODY, opened);
  return reply.send(OPEN_OUT.bytes);
}

function sendNothing(reply: ReplyWriter): number {
  return reply.send(0);
}

const names: readonly Row[] = [
  answered<Entry>({
    opcode: "lookup",
    bodyBytesMin: 1,
    interruptible: true,
    call: (operations, request) => operations.lookup(request.ino, request.nameToFind(0)),
    send: sendEntry,
    sendAbsent: (reply, validMs) => {
      putAbsentEntry(reply.words, BODY, validMs);
      return reply.send(ENTRY_OUT.bytes);
    },
    undo: forgetEntry,
  }),
  answered<Entry>({
    opcode: "mknod",
    bodyBytesMin: MKNOD_IN.bytes + 1,
    call: (operations, request) =>
      operations.mknod(request.ino, request.name(MKNOD_IN.bytes), request.u32(MKNOD_IN.mode)),
    send: sendEntry,
    undo: forgetEntry,
  }),
  answered<Entry>({
    opcode: "mkdir",
    bodyBytesMin: MKDIR_IN.bytes + 1,
    call: (operations, request) =>
      operations.mkdir(request.ino, request.name(MKDIR_IN.bytes), request.u32(MKDIR_IN.mode)),
    send: sendEntry,
    undo: forgetEntry,
  }),
  answered<void>({
    opcode: "unlink",
    bodyBytesMin: 1,
    call: (operations, request) => operations.unlink(request.ino, request.name(0)),
    send: sendNothing,
  }),
  answered<void>({
    opcode: "rmdir",
    bodyBytesMin: 1,
    call: (operations, request) => operations.rmdir(request.ino, request.name(0)),
    send: sendNothing,
  }),
  answered<void>({
    opcode: "rename",
    bodyBytesMin: RENAME_IN.bytes + 2,
    call: (operations, request) => rename(operations, request, RENAME_IN.bytes, 0),
    send: sendNothing,
  }),
  answered<void>({
    opcode: "rename2",
    bodyBytesMin: RENAME2_IN.bytes + 2,
    call: (operations, request) =>
      rename(operations, request, RENAME2_IN.bytes, request.u32(RENAME2_IN.flags)),
    send: sendNothing,
  }),
];

function rename(
  operations: Operations,
  request: RequestReader,
  namesOffset: number,
  flags: number,
): Reply<void> {
  const [name, newName] = request.twoNames(namesOffset);
  const newParent = request.u64(RENAME_IN.newdir);
  return operations.rename({ parent: request.ino, name, newParent, newName, flags });
}

const attributes: readonly Row[] = [
  answered<AttributesReply>({
    opcode: "getattr",
    bodyBytesMin: GETATTR_IN.bytes,
    interruptible: true,
    call: (operations, request) => {
      const hasHandle = (request.u32(GETATTR_IN.flags) & GETATTR_FH) !== 0;
      return operations.getattr(request.ino, hasHandle ? request.u64(GETATTR_IN.fh) : undefined);
    },
    send: sendAttributes,
  }),
  answered<AttributesReply>({
    opcode: "setattr",
    bodyBytesMin: SETATTR_IN.bytes,
    call: (operations, request) => operations.setattr(request.ino, readChanges(request)),
    send: sendAttributes,
  }),
  answered<FileSystemStatistics>({
    opcode: "statfs",
    bodyBytesMin: 0,
    interruptible: true,
    call: (operations) => operations.statfs(),
    send: (reply, statistics) => {
      putStatistics(reply.words, BODY, statistics);
      return reply.send(STATFS_OUT.bytes);
    },
  }),
];

function readChanges(request: RequestReader): AttributeChanges {
  const valid = request.u32(SETATTR_IN.valid);
  const has = (flag: number): boolean => (valid & flag) !== 0;
  const atime = has(FATTR.atimeNow)
    ? "now"
    : request.timeMs(SETATTR_IN.atime, SETATTR_IN.atimensec);
  const mtime = has(FATTR.mtimeNow)
    ? "now"
    : request.timeMs(SETATTR_IN.mtime, SETATTR_IN.mtimensec);
  return {
    ...(has(FATTR.mode) && { mode: request.u32(SETATTR_IN.mode) & 0o7777 }),
    ...(has(FATTR.uid) && { uid: request.u32(SETATTR_IN.uid) }),
    ...(has(FATTR.gid) && { gid: request.u32(SETATTR_IN.gid) }),
    ...(has(FATTR.size) && { sizeBytes: request.fileSize(SETATTR_IN.size) }),
    ...(has(FATTR.atime) && { atimeMs: atime }),
    ...(has(FATTR.mtime) && { mtimeMs: mtime }),
    ...(has(FATTR.fh) && { fh: request.u64(SETATTR_IN.fh) }),
  };
}

const files: readonly Row[] = [
  answered<Opened>({
    opcode: "open",
    bodyBytesMin: OPEN_IN.bytes,
    interruptible: true,
    call: (operations, request) =>
      operations.open(request.ino, request.u32(OPEN_IN.flags), request.caller()),
    send: sendOpened,
    undo: (operations, opened) => operations.release(opened.fh),
  }),
  answered<Created>({
    opcode: "create",
    bodyBytesMin: CREATE_IN.bytes + 1,
    call: (operations, request) =>
      operations.create(request.ino, request.name(CREATE_IN.bytes), {
        mode: request.u32(CREATE_IN.mode),
        flags: request.u32(CREATE_IN.flags),
        caller: request.caller(),
      }),
    send: (reply, { entry, opened }) => {
      putEntry(reply.words, BODY, entry);
      putOpened(reply.words, BODY + (ENTRY_OUT.bytes >>> 2), opened);
      return reply.send(ENTRY_OUT.bytes + OPEN_OUT.bytes);
    },
    undo: (operations, { entry, opened }) => {
      operations.forget(entry.attributes.ino, 1);
      return operations.release(opened.fh);
    },
  }),
  answered<ReadReply>({
    opcode: "read",
    bodyBytesMin: READ_IN.bytes,
    throughHandle: true,
    interruptible: true,
    call: (operations, request) =>
      operations.read(
        request.u64(READ_IN.fh),
        request.readOffset(READ_IN.offset),
        request.u32(READ_IN.size),
      ),
    askedBytes: (request) => request.u32(READ_IN.size),
    send: sendBytes,
    settle: (value) => value.release(),
  }),
  answered<number>({
    opcode: "write",
    bodyBytesMin: WRITE_IN.bytes,
    throughHandle: true,
    keepsPayload: true,
    call: (operations, request) => {
      const data = request.payload();
      if (data.byteLength !== request.u32(WRITE_IN.size)) {
        throw new RequestError(EIO, "WRITE with fewer or more bytes than it says");
      }
      const offset = request.fileSize(WRITE_IN.offset);
      return operations.write(request.u64(WRITE_IN.fh), offset, data);
    },
    askedBytes: (request) => request.u32(WRITE_IN.size),
    send: (reply, takenBytes, askedBytes) => {
      assert(takenBytes >= 0 && takenBytes <= askedBytes, "a write takes what it was given");
      reply.words[BODY + (WRITE_OUT.size >>> 2)] = takenBytes;
      reply.words[BODY + 1] = 0;
      return reply.send(WRITE_OUT.bytes);
    },
  }),
  answered<void>({
    opcode: "flush",
    bodyBytesMin: FLUSH_IN.bytes,
    throughHandle: true,
    call: (operations, request) => operations.flush(request.u64(FLUSH_IN.fh), request.caller()),
    send: sendNothing,
  }),
  answered<void>({
    opcode: "fsync",
    bodyBytesMin: FSYNC_IN.bytes,
    throughHandle: true,
    call: (operations, request) => operations.fsync(request.u64(FSYNC_IN.fh)),
    send: sendNothing,
  }),
  answered<void>({
    opcode: "release",
    bodyBytesMin: RELEASE_IN.bytes,
    throughHandle: true,
    call: (operations, request) => operations.release(request.u64(RELEASE_IN.fh)),
    send: sendNothing,
  }),
];

function sendBytes(
  reply: ReplyWriter,
  { parts }: ReadReply,
  askedBytes: number,
): number | Promise<number> {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) {
    assert(only.byteLength <= askedBytes, "a read returns no more than was asked for");
    return reply.sendData(only, only.byteLength);
  }
  let byteCount = 0;
  for (const part of parts) byteCount += part.byteLength;
  assert(byteCount <= askedBytes, "a read returns no more than was asked for");
  return byteCount === 0 ? reply.send(0) : reply.sendParts(parts, byteCount);
}

const directories: readonly Row[] = [
  answered<Opened>({
    opcode: "opendir",
    bodyBytesMin: OPEN_IN.bytes,
    interruptible: true,
    call: (operations, request) => operations.opendir(request.ino),
    send: sendOpened,
    undo: (operations, opened) => operations.releasedir(opened.fh),
  }),
  answered<DirectoryBuffer>({
    opcode: "readdir",
    bodyBytesMin: READ_IN.bytes,
    throughHandle: true,
    interruptible: true,
    call: (operations, request) => fillDirectory(operations, request, false),
    send: sendDirectory,
  }),
  answered<DirectoryBuffer>({
    opcode: "readdirplus",
    bodyBytesMin: READ_IN.bytes,
    throughHandle: true,
    interruptible: true,
    call: (operations, request) => fillDirectory(operations, request, true),
    send: sendDirectory,
    undo: forgetEntries,
  }),
  answered<void>({
    opcode: "releasedir",
    bodyBytesMin: RELEASE_IN.bytes,
    throughHandle: true,
    call: (operations, request) => operations.releasedir(request.u64(RELEASE_IN.fh)),
    send: sendNothing,
  }),
];

function fillDirectory(
  operations: Operations,
  request: RequestReader,
  plus: boolean,
): Reply<DirectoryBuffer> {
  const buffer = new DirectoryBuffer(request.u32(READ_IN.size), plus);
  const offset = request.readOffset(READ_IN.offset);
  // A listing that fails half-way is not sent, so what it has counted is given back.
  const abandon = (error: unknown): never => {
    forgetEntries(operations, buffer);
    throw error;
  };
  let filled: Reply<void>;
  try {
    filled = operations.readdir(request.u64(READ_IN.fh), offset, buffer);
  } catch (error) {
    return abandon(error);
  }
  return filled instanceof Promise ? filled.then(() => buffer, abandon) : buffer;
}

function forgetEntries(operations: Operations, buffer: DirectoryBuffer): void {
  for (const ino of buffer.countedInos) operations.forget(ino, 1);
}

function sendDirectory(reply: ReplyWriter, buffer: DirectoryBuffer): number | Promise<number> {
  return reply.sendData(buffer.bytes, buffer.usedBytes);
}

export const ANSWERED_ROWS: readonly Row[] = [...names, ...attributes, ...files, ...directories];
