/** Seals records as a server would whose key log one has (RFC 8446): whatever a test wants in them. */

import { createCipheriv, createHmac } from "node:crypto";

export const CHANGE_CIPHER_SPEC = 20;
export const ALERT = 21;
export const HANDSHAKE = 22;
export const DATA = 23;

export type AesSuite = "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384";

export class Sealer {
  readonly #hash: "sha256" | "sha384";
  readonly #keyBytes: 16 | 32;
  #secret: Buffer;
  #key: Buffer;
  #vector: Buffer;
  #sequence: bigint;

  /** `keyLog` has all the lines of the connection; the server has sealed `sent` records itself. */
  constructor(suite: AesSuite, keyLog: string, sent: number) {
    const secret = /^SERVER_TRAFFIC_SECRET_0 \w+ (\w+)/m.exec(keyLog)?.[1] ?? "";
    this.#hash = suite === "TLS_AES_128_GCM_SHA256" ? "sha256" : "sha384";
    this.#keyBytes = suite === "TLS_AES_128_GCM_SHA256" ? 16 : 32;
    this.#secret = Buffer.from(secret, "hex");
    this.#key = this.#expand("key", this.#keyBytes);
    this.#vector = this.#expand("iv", 12);
    this.#sequence = BigInt(sent);
  }

  /** Goes on with the next key. */
  update(): void {
    this.#secret = this.#expand("traffic upd", this.#secret.length);
    this.#key = this.#expand("key", this.#keyBytes);
    this.#vector = this.#expand("iv", 12);
    this.#sequence = 0n;
  }

  seal(type: number, content: Uint8Array, paddingBytes = 0): Buffer {
    return this.sealInner(
      Buffer.concat([content, Buffer.from([type]), Buffer.alloc(paddingBytes)]),
    );
  }

  sealInner(inner: Uint8Array): Buffer {
    const header = Buffer.from([DATA, 3, 3, 0, 0]);
    header.writeUInt16BE(inner.length + 16, 3);
    const nonce = Buffer.from(this.#vector);
    nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ this.#sequence++, 4);
    const name = this.#keyBytes === 16 ? "aes-128-gcm" : "aes-256-gcm";
    const cipher = createCipheriv(name, this.#key, nonce).setAAD(header);
    return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }

  #expand(label: string, byteCount: number): Buffer {
    const name = Buffer.from(`tls13 ${label}`);
    const info = [Buffer.from([0, byteCount, name.length]), name, Buffer.from([0, 1])];
    const block = createHmac(this.#hash, this.#secret).update(Buffer.concat(info)).digest();
    return block.subarray(0, byteCount);
  }
}

/** A handshake message. */
export function message(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length);
  header[0] = type;
  return Buffer.concat([header, body]);
}
