/**
 * An OpenID provider that signs the tokens of workloads, as a Kubernetes cluster does: discovery, keys
 * and RS256 tokens, by a library that this project does not write.
 */

import { execFileSync } from "node:child_process";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { LoopbackServer } from "./loopback-server.ts";

type SigningKey = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"] | KeyObject;

interface KeyPair {
  readonly id: string;
  readonly signing: SigningKey;
  readonly published: JWK;
  /** SHA-1 of its certificate, where it has one: by which IAM knows it. */
  readonly thumbprint?: string;
}

export interface TokenRequest {
  readonly audience: string;
  readonly lifeSeconds: number;
  readonly subject?: string;
}

/** The service account that tokens speak for. */
export const SUBJECT = "system:serviceaccount:default:s3-user";

export class IdentityProvider {
  /** Every token that was ever signed: none of them may be seen anywhere. */
  readonly tokens: string[] = [];
  readonly #server: LoopbackServer;
  readonly #key: KeyPair;

  private constructor(key: KeyPair) {
    this.#key = key;
    this.#server = new LoopbackServer((request, response) => {
      const document = request.url === "/keys" ? { keys: [this.#key.published] } : this.#discovery;
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
    });
  }

  /** With a directory to make it in, the key has a certificate, which Ceph wants to see. */
  static async start(certificateDirectory?: string): Promise<IdentityProvider> {
    const key =
      certificateDirectory === undefined ? makeKey("key-1") : certified(certificateDirectory);
    const provider = new IdentityProvider(await key);
    await provider.#server.listen();
    return provider;
  }

  get issuer(): string {
    return this.#server.url;
  }

  get thumbprint(): string {
    return this.#key.thumbprint ?? "";
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
  async sign(request: TokenRequest, key = this.#key): Promise<string> {
    const { audience, lifeSeconds, subject = SUBJECT } = request;
    const nowSeconds = Math.floor(Date.now() / 1000);
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "RS256", kid: key.id })
      .setIssuer(this.issuer)
      .setSubject(subject)
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

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

async function makeKey(id: string): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const published = { ...(await exportJWK(publicKey)), kid: id, alg: "RS256", use: "sig" };
  return { id, signing: privateKey, published };
}

async function certified(directory: string): Promise<KeyPair> {
  const args =
    "req -x509 -nodes -newkey rsa:2048 -keyout key.pem -out cert.pem -days 2 -subj /CN=issuer";
  execFileSync("openssl", args.split(" "), { cwd: directory, stdio: "pipe" });
  const certificate = new X509Certificate(readFileSync(join(directory, "cert.pem")));
  const signing = createPrivateKey(readFileSync(join(directory, "key.pem")));
  const jwk = await exportJWK(certificate.publicKey);
  const x5c = [certificate.raw.toString("base64")];
  const published = { ...jwk, kid: "key-1", alg: "RS256", use: "sig", x5c };
  const thumbprint = certificate.fingerprint.replaceAll(":", "");
  return { id: "key-1", signing, published, thumbprint };
}
