/**
 * INIT: what the kernel offers, and what we take of it. Decided by a pure function, so that every
 * kernel version can be tried without that kernel.
 */

import {
  ABI_MAJOR,
  ABI_MINOR,
  ABI_MINOR_OLDEST,
  INIT_FLAG,
  INIT_FLAG2,
  INIT_IN,
  INIT_OUT,
  TRANSFER_BYTES_MAX,
  TRANSFER_PAGES_MAX,
} from "./abi.ts";
import type { RequestReader } from "./request.ts";

/** Requests in the background that the kernel keeps in flight, read-ahead above all. */
export interface BackgroundLimits {
  /** At most 65,535, as the number at which the kernel calls the device congested. */
  readonly requestsMax: number;
  readonly congestionThreshold: number;
}

/** Mountpoint's numbers; the kernel's own are 12 and 9. */
export const DEFAULT_BACKGROUND_LIMITS: BackgroundLimits = {
  requestsMax: 64,
  congestionThreshold: 48,
};
/** Times are exact to a nanosecond. */
const TIME_GRANULARITY_NS = 1;

/**
 * Not taken, deliberately: WRITEBACK_CACHE (the kernel would own sizes and times, and send READs for
 * partial writes), POSIX_LOCKS and FLOCK_LOCKS (locks stay local to the kernel), SPLICE_* (our data
 * is in memory: one copy by writev is the least), AUTO_INVAL_DATA (wins over EXPLICIT_INVAL_DATA and
 * drops the cache on any new mtime), NO_OPEN_SUPPORT (handles have state).
 */
const WANTED =
  INIT_FLAG.asyncRead |
  INIT_FLAG.atomicOTrunc |
  INIT_FLAG.bigWrites |
  INIT_FLAG.doReaddirplus |
  INIT_FLAG.readdirplusAuto |
  INIT_FLAG.asyncDio |
  INIT_FLAG.parallelDirops |
  INIT_FLAG.maxPages |
  // An object does not change under its ETag, so only an open or a notification drops its pages.
  INIT_FLAG.explicitInvalData |
  // Nothing here has set-id bits to lose: without it each write asks for security.capability.
  INIT_FLAG.handleKillprivV2 |
  INIT_FLAG.initExt;
/** mmap of a handle that is open for direct I/O; without it mmap there fails. */
const WANTED2 = INIT_FLAG2.directIoAllowMmap;

export interface Offer {
  readonly major: number;
  readonly minor: number;
  readonly maxReadaheadBytes: number;
  readonly flags: number;
  readonly flags2: number;
}

export interface Agreement {
  readonly minor: number;
  readonly maxReadaheadBytes: number;
  readonly flags: number;
  readonly flags2: number;
}

export type Negotiation =
  | { readonly kind: "agreed"; readonly agreement: Agreement }
  /** The kernel speaks a later major version: it asks again when it hears ours. */
  | { readonly kind: "ask-again" }
  | { readonly kind: "too-old" };

/** Decodes INIT, whose struct has at least `INIT_IN.bytes` bytes. */
export function readOffer(request: RequestReader): Offer {
  const flags = request.u32(INIT_IN.flags);
  const isExtended =
    (flags & INIT_FLAG.initExt) !== 0 && request.bodyBytes >= INIT_IN.extendedBytes;
  return {
    major: request.u32(INIT_IN.major),
    minor: request.u32(INIT_IN.minor),
    maxReadaheadBytes: request.u32(INIT_IN.maxReadahead),
    flags,
    flags2: isExtended ? request.u32(INIT_IN.flags2) : 0,
  };
}

export function negotiate(offer: Offer): Negotiation {
  if (offer.major > ABI_MAJOR) return { kind: "ask-again" };
  if (offer.major < ABI_MAJOR || offer.minor < ABI_MINOR_OLDEST) return { kind: "too-old" };
  return {
    kind: "agreed",
    agreement: {
      minor: Math.min(ABI_MINOR, offer.minor),
      maxReadaheadBytes: offer.maxReadaheadBytes,
      flags: offer.flags & WANTED,
      flags2: offer.flags2 & WANTED2,
    },
  };
}

/** struct fuse_init_out, which every minor version from `ABI_MINOR_OLDEST` on takes whole. */
export function putAgreement(
  words: Uint32Array,
  word: number,
  agreement: Agreement,
  background: BackgroundLimits = DEFAULT_BACKGROUND_LIMITS,
): void {
  const at = (offset: number): number => word + (offset >>> 2);
  words.fill(0, word, at(INIT_OUT.bytes));
  words[at(INIT_OUT.major)] = ABI_MAJOR;
  words[at(INIT_OUT.minor)] = agreement.minor;
  words[at(INIT_OUT.maxReadahead)] = agreement.maxReadaheadBytes;
  words[at(INIT_OUT.flags)] = agreement.flags;
  words[at(INIT_OUT.background)] = background.requestsMax | (background.congestionThreshold << 16);
  words[at(INIT_OUT.maxWrite)] = TRANSFER_BYTES_MAX;
  words[at(INIT_OUT.timeGran)] = TIME_GRANULARITY_NS;
  words[at(INIT_OUT.maxPages)] = TRANSFER_PAGES_MAX;
  words[at(INIT_OUT.flags2)] = agreement.flags2;
}
