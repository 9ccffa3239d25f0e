/**
 * Every opcode of the ABI and what becomes of it, by number. ENOSYS is not just a refusal: for most
 * opcodes it makes the kernel stop asking for good and do what the comment says instead.
 */

import { EINVAL, ENOSYS, EOPNOTSUPP, EPERM } from "../base/errno.ts";
import {
  BATCH_FORGET_IN,
  FALLOCATE_IN,
  FORGET_IN,
  FORGET_ONE,
  INIT_IN,
  INTERRUPT_IN,
  LINK_IN,
  OPCODE,
  type OpcodeName,
} from "./abi.ts";
import { ANSWERED_ROWS } from "./answered.ts";
import type { RequestReader } from "./request.ts";
import type { ControlRow, RefusalNotice, RefusedRow, Row, SessionControl } from "./row.ts";

function refused(opcode: OpcodeName, errno: number, notice?: RefusalNotice): RefusedRow {
  const row = { kind: "refused", opcode, bodyBytesMin: 0, errno: () => errno } as const;
  return notice === undefined ? row : { ...row, notice };
}

const REFUSED_ROWS: readonly RefusedRow[] = [
  // S3 has neither kind of link; callers know EPERM as "this file system has none" (link(2)).
  refused("symlink", EPERM, { name: (request) => request.firstName(0) }),
  refused("link", EPERM, { name: (request) => request.name(LINK_IN.bytes) }),
  refused("readlink", ENOSYS),
  // Extended attributes: the kernel remembers each ENOSYS and answers EOPNOTSUPP from then on.
  refused("setxattr", ENOSYS, { seenAs: EOPNOTSUPP }),
  refused("getxattr", ENOSYS),
  refused("listxattr", ENOSYS),
  refused("removexattr", ENOSYS),
  // Everything in a directory is durable when its call returns: the kernel reports success.
  refused("fsyncdir", ENOSYS),
  // Never sent, as locks are not negotiated: the kernel keeps them, for this machine alone.
  refused("getlk", ENOSYS),
  refused("setlk", ENOSYS),
  refused("setlkw", ENOSYS),
  // Never sent under default_permissions; otherwise the kernel grants access from then on.
  refused("access", ENOSYS),
  // FIBMAP has no blocks to tell of.
  refused("bmap", ENOSYS),
  // The kernel turns it into ENOTTY, which is how ioctl(2) says that there is no such request.
  refused("ioctl", ENOSYS),
  // The kernel reports files as always ready.
  refused("poll", ENOSYS),
  {
    kind: "refused",
    opcode: "fallocate",
    bodyBytesMin: FALLOCATE_IN.bytes,
    errno: fallocateErrno,
    notice: {},
  },
  // SEEK_DATA and SEEK_HOLE: the kernel takes the file for one piece of data without a hole.
  refused("lseek", ENOSYS),
  // The kernel copies through the page cache, by READ and WRITE.
  refused("copyFileRange", ENOSYS),
  refused("copyFileRange64", ENOSYS),
  // Direct access to memory exists between a virtual machine and its host only.
  refused("setupmapping", ENOSYS),
  refused("removemapping", ENOSYS),
  // Sent for virtiofs only; sync(2) succeeds.
  refused("syncfs", ENOSYS),
  // O_TMPFILE: an object has a name from the start. The kernel answers EOPNOTSUPP from then on.
  refused("tmpfile", ENOSYS),
  // The kernel answers statx(2) from GETATTR, which has all that S3 knows.
  refused("statx", ENOSYS),
];

/**
 * Storage cannot be reserved in S3. EOPNOTSUPP, or ENOSYS, which the kernel turns into it, would
 * make glibc's posix_fallocate, which uses mode 0, write a byte into every block instead, out of
 * order, and so spoil the upload; EINVAL it reports at once (posix_fallocate(3) has it for "the file
 * system does not support the operation"), and nothing is written. The other modes, to punch holes
 * and the like, come from fallocate(2) alone, whose callers expect EOPNOTSUPP.
 */
function fallocateErrno(request: RequestReader): number {
  return request.u32(FALLOCATE_IN.mode) === 0 ? EINVAL : EOPNOTSUPP;
}

const CONTROL_ROWS: readonly ControlRow[] = [
  {
    kind: "control",
    opcode: "init",
    bodyBytesMin: INIT_IN.bytes,
    serve: (control, request) => control.initialize(request),
  },
  {
    kind: "control",
    opcode: "destroy",
    bodyBytesMin: 0,
    serve: (control, request) => control.acknowledge(request),
  },
  {
    kind: "control",
    opcode: "interrupt",
    bodyBytesMin: INTERRUPT_IN.bytes,
    serve: (control, request) => control.interrupt(request.u64(INTERRUPT_IN.unique)),
  },
  {
    kind: "control",
    opcode: "forget",
    bodyBytesMin: FORGET_IN.bytes,
    serve: (control, request) => control.forget(request.ino, request.u64(FORGET_IN.nlookup)),
  },
  {
    kind: "control",
    opcode: "batchForget",
    bodyBytesMin: BATCH_FORGET_IN.bytes,
    serve: forgetBatch,
  },
  // The answer to NOTIFY_RETRIEVE, which we never send: dropped.
  { kind: "control", opcode: "notifyReply", bodyBytesMin: 0, serve: () => {} },
];

function forgetBatch(control: SessionControl, request: RequestReader): void {
  const arrived = Math.floor((request.bodyBytes - BATCH_FORGET_IN.bytes) / FORGET_ONE.bytes);
  const count = Math.min(request.u32(BATCH_FORGET_IN.count), arrived);
  for (let index = 0; index < count; index += 1) {
    const at = BATCH_FORGET_IN.bytes + index * FORGET_ONE.bytes;
    control.forget(request.u64(at + FORGET_ONE.nodeid), request.u64(at + FORGET_ONE.nlookup));
  }
}

/** Requests to which the kernel expects no reply, not even a refusal. */
const UNANSWERED: ReadonlySet<OpcodeName> = new Set<OpcodeName>([
  "forget",
  "batchForget",
  "interrupt",
  "notifyReply",
]);

/** The rows by number; a number without a row is an opcode newer than 7.45. */
export const OPCODE_TABLE: readonly (Row | undefined)[] = tabulate([
  ...ANSWERED_ROWS,
  ...REFUSED_ROWS,
  ...CONTROL_ROWS,
]);

export function expectsReply(opcode: OpcodeName): boolean {
  return !UNANSWERED.has(opcode);
}

function tabulate(rows: readonly Row[]): readonly (Row | undefined)[] {
  const byOpcode = new Map(rows.map((row) => [OPCODE[row.opcode] as number, row]));
  const numbers = Object.values(OPCODE);
  return Array.from({ length: Math.max(...numbers) + 1 }, (_, number) => byOpcode.get(number));
}
