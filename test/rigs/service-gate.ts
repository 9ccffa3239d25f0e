/**
 * Stands before a token service, as a network does: keeps what was asked and what was given, and can be
 * shut, so that nobody gets through.
 */

import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { LoopbackServer } from "./loopback-server.ts";

/** Secrets in an answer of STS. */
const SECRET = /<(?:SecretAccessKey|SessionToken)>([^<]+)</g;

export class ServiceGate {
  /** The form of every request that came, shut or not. */
  readonly asked: URLSearchParams[] = [];
  /** The key id that signed each. */
  readonly signedBy: (string | undefined)[] = [];
  /** All that was given and may be seen nowhere. */
  readonly secrets: string[] = [];
  /** As a service that is down: connections are closed without an answer. */
  shut: boolean = false;
  readonly #server: LoopbackServer;

  private constructor(target: string) {
    this.#server = new LoopbackServer((incoming, response) => {
      this.#pass(target, incoming).then(
        ([status, body]) => response.writeHead(status, { "content-type": "text/xml" }).end(body),
        () => incoming.socket.destroy(),
      );
    });
  }

  static async start(target: string): Promise<ServiceGate> {
    const gate = new ServiceGate(target);
    await gate.#server.listen();
    return gate;
  }

  get url(): string {
    return this.#server.url;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  async #pass(target: string, incoming: IncomingMessage): Promise<readonly [number, string]> {
    const form = await textOf(incoming);
    this.asked.push(new URLSearchParams(form));
    this.signedBy.push(/Credential=([^/]+)/.exec(incoming.headers.authorization ?? "")?.[1]);
    if (this.shut) throw new Error("shut");
    const { headers, method } = incoming;
    // With its own Host header, which is signed.
    const outgoing = request(`${target}${incoming.url}`, { method, headers });
    outgoing.end(form);
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    const body = await textOf(answer);
    for (const [, secret = ""] of body.matchAll(SECRET)) this.secrets.push(secret);
    return [answer.statusCode ?? 502, body];
  }
}

async function textOf(message: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}
