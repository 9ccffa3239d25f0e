/**
 * Who the credentials belong to, by GetCallerIdentity of STS, which needs no permission.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */

import { createHash } from "node:crypto";
import { errorOfAnswer } from "./answer-error.ts";
import { S3Error } from "./error.ts";
import { authorityOf, originOf } from "./origin.ts";
import { withoutSecrets } from "./quotation.ts";
import type { Environment } from "./region.ts";
import { type Credentials, canonicalHeaders, encodeQuery, Signer, timestampOf } from "./signer.ts";
import type { Transport } from "./transport.ts";
import { textOf } from "./xml.ts";

const OPERATION = "GetCallerIdentity";

/** Where STS is: as AWS_ENDPOINT_URL_STS says, or Amazon's own of the region. */
export function stsEndpoint(environment: Environment, region: string): URL {
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const given = environment["AWS_ENDPOINT_URL_STS"];
  if (!given) return new URL(`https://sts.${region}.${domain}`);
  if (URL.canParse(given)) return new URL(given);
  const message = `AWS_ENDPOINT_URL_STS is "${given}", which is no URL`;
  throw new S3Error(message, { kind: "rejected", operation: OPERATION });
}

/** The ARN of whom `credentials` belong to. Rejects with an S3Error when STS does not tell. */
export async function callerIdentity(
  transport: Transport,
  endpoint: URL,
  region: string,
  credentials: Credentials,
): Promise<string> {
  const origin = originOf(endpoint);
  const path = endpoint.pathname;
  const query = encodeQuery({ Action: OPERATION, Version: "2011-06-15" });
  const timestamp = timestampOf(Date.now());
  const headers: Record<string, string> = { host: authorityOf(origin), "x-amz-date": timestamp };
  if (credentials.sessionToken !== undefined) {
    headers["x-amz-security-token"] = credentials.sessionToken;
  }
  const payload = createHash("sha256").digest("hex");
  const signed = { headers: canonicalHeaders(headers), payload, timestamp };
  const parts = { method: "GET", path, query, ...signed };
  const authorization = new Signer({ region, service: "sts" }).authorization(credentials, parts);
  const response = await transport.send({
    operation: OPERATION,
    method: "GET",
    origin,
    path: `${path}?${query}`,
    headers: { ...headers, authorization },
  });
  const arn = response.status === 200 ? textOf(response.body.toString("utf8"), "Arn") : undefined;
  if (arn !== undefined) return arn;
  const shown = withoutSecrets(response, credentials.accessKeyId, [credentials.sessionToken]);
  throw errorOfAnswer({ operation: OPERATION }, shown);
}
