/**
 * What the pure parsers of HTTP and XML throw. It never leaves this layer: the connection and the
 * operations turn it into an `S3Error` of kind "bad-response", which knows the operation.
 */

export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Longest piece of a foreign answer that a message repeats. */
const QUOTED_BYTES_MAX = 60;

/**
 * Quotes the beginning of what a server sent when it is plain printable ASCII, so that "is not S3" can
 * be understood; otherwise says how much came. Nothing a server sends may steer a terminal.
 */
export function quoted(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, QUOTED_BYTES_MAX)).toString("latin1");
  const line = start.split(/[\r\n]/, 1)[0] ?? "";
  return /^[\x20-\x7e]+$/.test(line) ? JSON.stringify(line) : `${bytes.length} unprintable bytes`;
}
