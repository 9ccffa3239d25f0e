/**
 * Receives the body of a request once the request itself was found good: says "100 Continue" where the
 * client waits for it, keeps to the bandwidth, unwraps aws-chunked and verifies the signed hash. Bytes
 * pass through as the socket delivers them; nothing is collected here.
 */

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { ConnectionLostError } from "./connection.ts";
import type { Pace } from "./dials.ts";
import { SandboxError } from "./error.ts";
import { header, type S3Request } from "./request.ts";
import type { SigningChain } from "./signature.ts";

/** The largest body of one PutObject or UploadPart. */
const BODY_BYTES_MAX = 5 * 1024 ** 3;

export interface RequestBodyOptions {
  readonly message: IncomingMessage;
  readonly request: S3Request;
  readonly chain: SigningChain | undefined;
  readonly pace: Pace;
  /** Called once, before the first byte is awaited. */
  readonly sendContinue: () => void;
  /** Called with each run of bytes from the wire; throws to stop. */
  readonly onWireBytes: (byteCount: number) => void;
}

/** Takes the decoded bytes, lent until the promise settles. */
export type TakeBytes = (bytes: Buffer) => void | Promise<void>;

export class RequestBody {
  readonly #options: RequestBodyOptions;
  readonly #payloadHash: string;
  readonly #sizeBytes: number;

  /** Throws `InvalidArgument` and the like where the headers make no sense together. */
  constructor(options: RequestBodyOptions) {
    this.#options = options;
    this.#payloadHash = header(options.request, "x-amz-content-sha256") ?? "UNSIGNED-PAYLOAD";
    this.#sizeBytes = this.#declaredBytes();
  }

  /** How many bytes will be taken, without the wrapping. */
  get sizeBytes(): number {
    if (this.#sizeBytes === -1) throw new SandboxError("MissingContentLength");
    if (this.#sizeBytes > BODY_BYTES_MAX) throw new SandboxError("EntityTooLarge");
    return this.#sizeBytes;
  }

  /** Passes the whole body to `take`; resolves with the trailers once all is verified. */
  async receive(take: TakeBytes): Promise<ReadonlyMap<string, string>> {
    const expectedBytes = this.sizeBytes;
    const hash = /^[0-9a-f]{64}$/.test(this.#payloadHash) ? createHash("sha256") : undefined;
    let receivedBytes = 0;
    let pending: void | Promise<void>;
    const takeDecoded = (bytes: Buffer) => {
      receivedBytes += bytes.byteLength;
      if (receivedBytes > expectedBytes) throw new SandboxError("IncompleteBody");
      hash?.update(bytes);
      // A chunk of the wire may hold several of aws-chunked.
      const previous = pending;
      pending = previous === undefined ? take(bytes) : previous.then(() => take(bytes));
    };
    const decoder = this.#createDecoder(takeDecoded);
    await this.#receiveWire((bytes) => {
      pending = undefined;
      if (decoder === undefined) takeDecoded(bytes);
      else decoder.write(bytes);
      return pending;
    });
    const complete = receivedBytes === expectedBytes && decoder?.done !== false;
    if (!complete) throw new SandboxError("IncompleteBody");
    if (hash !== undefined && hash.digest("hex") !== this.#payloadHash) {
      throw new SandboxError("XAmzContentSHA256Mismatch");
    }
    return decoder?.trailers ?? new Map();
  }

  /** The whole body of at most `bytesMax` bytes as text; a longer one is `MalformedXML`. */
  async text(bytesMax: number): Promise<string> {
    if (this.sizeBytes > bytesMax) throw new SandboxError("MalformedXML");
    const pieces: Buffer[] = [];
    await this.receive((bytes) => {
      pieces.push(bytes);
    });
    return Buffer.concat(pieces).toString("utf8");
  }

  #declaredBytes(): number {
    const { request } = this.#options;
    const streaming = this.#payloadHash.startsWith("STREAMING-");
    const text = header(request, streaming ? "x-amz-decoded-content-length" : "content-length");
    // A body that is chunked by HTTP alone tells its length to nobody; S3 does not take it.
    if (text === undefined) return request.headers["transfer-encoding"] === undefined ? 0 : -1;
    if (!/^\d{1,15}$/.test(text)) throw new SandboxError("InvalidArgument");
    return Number(text);
  }

  #createDecoder(take: (bytes: Buffer) => void): ChunkedDecoder | undefined {
    switch (this.#payloadHash) {
      case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
        return new ChunkedDecoder(take, undefined);
      case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
      case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
        return new ChunkedDecoder(take, this.#options.chain);
      case "UNSIGNED-PAYLOAD":
        return undefined;
      default:
        if (/^[0-9a-f]{64}$/.test(this.#payloadHash)) return undefined;
        throw new SandboxError(
          "InvalidArgument",
          "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        );
    }
  }

  #receiveWire(take: TakeBytes): Promise<void> {
    const { message, pace, onWireBytes, sendContinue } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        settle(() => reject(error));
        // What remains is read and dropped, so that the connection can serve another request.
        message.resume();
      };
      // "end" may come while the last bytes are still being taken, although the message is paused.
      let pending: Promise<unknown> = Promise.resolve();
      const onData = (bytes: Buffer) => {
        try {
          onWireBytes(bytes.byteLength);
          const taken = take(bytes);
          const passed = pace.pass(bytes.byteLength);
          if (taken === undefined && passed === undefined) return;
          message.pause();
          pending = Promise.all([taken, passed]);
          pending.then(() => message.resume(), fail);
        } catch (error) {
          fail(error);
        }
      };
      const onEnd = () => {
        message.off("close", onClose);
        pending.then(() => settle(resolve), fail);
      };
      const onClose = () => fail(new ConnectionLostError());
      const settle = (outcome: () => void) => {
        message.off("data", onData).off("end", onEnd).off("close", onClose);
        outcome();
      };
      if (message.destroyed) return onClose();
      message.on("data", onData).on("end", onEnd).on("close", onClose);
      sendContinue();
    });
  }
}
