/**
 * How long the transport waits for anything. Every wait has a limit here, so that no server, however
 * it misbehaves, holds a caller for ever.
 */

export interface Timeouts {
  /** Name lookup, TCP and TLS handshakes, and the proxy's CONNECT, together. 3 s as mount-s3. */
  readonly connectMs: number;
  /**
   * From the last byte of the request to the last byte of the response's header; begins anew while the
   * kernel still delivers the request, at the rate of `stallBytes` in this time at least.
   */
  readonly firstByteMs: number;
  /**
   * A body, in either direction, that moves fewer than `stallBytes` in this time has stalled: a server
   * that trickles must not hold a reader for ever. mount-s3 gives up below 1 B/s for 30 s.
   */
  readonly stallMs: number;
  readonly stallBytes: number;
  /**
   * In place of `firstByteMs` for CompleteMultipartUpload, whose "processing could take several
   * minutes" (Amazon S3 API reference), while S3 may send the header and then blanks; so it is also
   * the limit of the whole body, which need not keep up a rate.
   */
  readonly completeMs: number;
  /** How long a connection is kept for the next request. S3 itself closes after about 20 s. */
  readonly idleMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 3_000,
  firstByteMs: 30_000,
  stallMs: 20_000,
  stallBytes: 16_384,
  completeMs: 300_000,
  idleMs: 20_000,
};
