/**
 * An OpenID provider that signs the tokens of workloads, as a Kubernetes cluster does: discovery, keys
 * and RS256 tokens, by a library that this project does not write.
 */

import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

type SigningKey = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];

interface KeyPair {
  readonly id: string;
  readonly signing: SigningKey;
  readonly published: JWK;
}

export interface TokenRequest {
  readonly audience: string;
  readonly lifeSeconds: number;
}

export class IdentityProvider {
  /** Every token that was ever signed: none of them may be seen anywhere. */
  readonly tokens: string[] = [];
  readonly #server: Server;
  readonly #key: KeyPair;

  private constructor(key: KeyPair) {
    this.#key = key;
    this.#server = createServer((request, response) => {
      const document = request.url === "/keys" ? { keys: [this.#key.published] } : this.#discovery;
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
    });
  }

  static async start(): Promise<IdentityProvider> {
    const provider = new IdentityProvider(await makeKey("key-1"));
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get configurationUrl(): string {
    return `${this.issuer}/.well-known/openid-configuration`;
  }

  get #discovery() {
    return {
      issuer: this.issuer,
      jwks_uri: `${this.issuer}/keys`,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    };
  }

  /** A token of a service account; ends in the past with a negative life. */
  async sign({ audience, lifeSeconds }: TokenRequest, key = this.#key): Promise<string> {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "RS256", kid: key.id })
      .setIssuer(this.issuer)
      .setSubject("system:serviceaccount:default:s3-user")
      .setAudience(audience)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + lifeSeconds)
      .sign(key.signing);
    this.tokens.push(token);
    return token;
  }

  /** A token that says the same and is signed by somebody else. */
  async forge(request: TokenRequest): Promise<string> {
    return this.sign(request, await makeKey(this.#key.id));
  }

  /** Replaces the token in the file as kubelet does: readers see the old one or the new one, whole. */
  async writeToken(path: string, request: TokenRequest): Promise<void> {
    writeFileSync(`${path}.new`, await this.sign(request), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function makeKey(id: string): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const published = { ...(await exportJWK(publicKey)), kid: id, alg: "RS256", use: "sig" };
  return { id, signing: privateKey, published };
}
