/**
 * A MinIO that trusts an OpenID provider: its token service gives keys to whoever shows a token, and each
 * audience of a token is a role with a policy of its own, which can be changed while it is in use.
 */

import { createHash } from "node:crypto";
import { canonicalHeaders, Signer, timestampOf } from "../../src/s3/signer.ts";
import type { IdentityProvider } from "./identity-provider.ts";
import { MinioProcess } from "./minio-process.ts";
import type { Scratch } from "./scratch.ts";

export interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export class MinioRoles {
  readonly minio: MinioProcess;

  private constructor(minio: MinioProcess) {
    this.minio = minio;
  }

  /** A role for each of `roles`, which are audiences too. */
  static async start(
    scratch: Scratch,
    provider: IdentityProvider,
    roles: Readonly<Record<string, readonly Statement[]>>,
  ): Promise<MinioRoles> {
    const environment: Record<string, string> = {};
    for (const role of Object.keys(roles)) {
      const set = (name: string, value: string): void => {
        environment[`MINIO_IDENTITY_OPENID_${name}_${role.toUpperCase()}`] = value;
      };
      set("CONFIG_URL", provider.configurationUrl);
      set("CLIENT_ID", role);
      set("ROLE_POLICY", role);
    }
    const service = new MinioRoles(await MinioProcess.start(scratch, { environment }));
    for (const [role, statements] of Object.entries(roles)) {
      await service.setPolicy(role, statements);
    }
    return service;
  }

  /** MinIO's own rule: the digest of the audience. */
  arnOf(role: string): string {
    return `arn:minio:iam:::role/${createHash("sha1").update(role).digest("base64url")}`;
  }

  /** From now on, for those who have taken on the role already as well. */
  async setPolicy(role: string, statements: readonly Statement[]): Promise<void> {
    const document = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    const path = "/minio/admin/v3/add-canned-policy";
    const query = `name=${role}`;
    const payload = createHash("sha256").update(document).digest("hex");
    const timestamp = timestampOf(Date.now());
    const { endpoint } = this.minio;
    const { host } = new URL(endpoint.url);
    const headers = { host, "x-amz-content-sha256": payload, "x-amz-date": timestamp };
    const signer = new Signer({ region: "us-east-1", service: "s3" });
    const signed = { headers: canonicalHeaders(headers), payload, timestamp };
    const parts = { method: "PUT", path, query, ...signed };
    const response = await fetch(`${endpoint.url}${path}?${query}`, {
      method: "PUT",
      headers: { ...headers, authorization: signer.authorization(endpoint, parts) },
      body: document,
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  }
}
