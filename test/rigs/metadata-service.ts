/**
 * The services that a machine of Amazon's has at link-local addresses, on the loopback: the instance's
 * metadata (IMDSv2), and the agents that give a container its keys (ECS, EKS Pod Identity). As strict as
 * the real ones about headers and about the order of the steps; every request is kept.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { LoopbackServer } from "./loopback-server.ts";

export interface GivenKeys {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  readonly Expiration: string;
}

type Answer = (request: IncomingMessage) => readonly [status: number, body: string];

/** An HTTP server on the loopback that answers by a function and keeps what it was asked. */
export class MetadataService {
  /** "GET /path", in order. */
  readonly asked: string[] = [];
  readonly #server: LoopbackServer;

  private constructor(answer: Answer) {
    this.#server = new LoopbackServer((request, response: ServerResponse) => {
      this.asked.push(`${request.method} ${request.url}`);
      const [status, body] = answer(request);
      response.writeHead(status).end(body);
    });
  }

  static async start(answer: Answer, host = "127.0.0.1", port = 0): Promise<MetadataService> {
    const service = new MetadataService(answer);
    await service.#server.listen(port, host);
    return service;
  }

  get url(): string {
    return this.#server.url;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

/** The steps of IMDSv2: a token by PUT with its life, the role's name, the role's keys. */
export function instanceMetadata(role: string, keys: () => GivenKeys): Answer {
  const tokens = new Set<string>();
  const path = "/latest/meta-data/iam/security-credentials/";
  return ({ headers, method, url }) => {
    if (headers["x-forwarded-for"] !== undefined) return [403, "forwarded"];
    if (url === "/latest/api/token") {
      const lifeSeconds = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
      if (method !== "PUT") return [405, ""];
      if (!(lifeSeconds >= 1 && lifeSeconds <= 21_600)) return [400, ""];
      const token = `imds-token-${tokens.size}`;
      tokens.add(token);
      return [200, token];
    }
    if (method !== "GET") return [405, ""];
    if (!tokens.has(String(headers["x-aws-ec2-metadata-token"]))) return [401, ""];
    if (url === path) return [200, `${role}\n`];
    if (url !== `${path}${role}`) return [404, ""];
    const Type = "AWS-HMAC";
    const LastUpdated = new Date().toISOString();
    return [200, JSON.stringify({ Code: "Success", Type, LastUpdated, ...keys() })];
  };
}

/** An agent that gives keys at `path` for the token that `authorization` names, or for none. */
export function containerAgent(
  path: string,
  authorization: () => string | undefined,
  keys: () => GivenKeys,
): Answer {
  return ({ headers, method, url }) => {
    if (method !== "GET" || url !== path) return [404, JSON.stringify({ Code: "NotFound" })];
    if (headers.authorization !== authorization()) {
      const refusal = { Code: "AccessDenied", Message: "the token is not for you" };
      return [403, JSON.stringify(refusal)];
    }
    return [200, JSON.stringify(keys())];
  };
}
