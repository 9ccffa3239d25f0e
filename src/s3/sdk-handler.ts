/**
 * Our transport in the place of the SDK's HTTP client: a Smithy request handler. The SDK builds, signs
 * and parses; this hands its requests on and its answers back.
 *
 * `client.send(command, options)` gives `options` to `handle` unchanged: what the transport has to know
 * and the SDK does not.
 */

import type { HeaderBag, HttpHandlerOptions, HttpRequest, HttpResponse } from "@smithy/types";

import { assert } from "../base/assert.ts";
import type { OperationName } from "./answer-error.ts";
import { originOf } from "./origin.ts";
import { withoutSecretsOf } from "./quotation.ts";
import { encodeQuery } from "./signer.ts";
import type { Transport } from "./transport.ts";

/** What `client.send(command, options)` carries past the SDK. */
export interface SdkSendOptions extends HttpHandlerOptions {
  readonly name: OperationName;
  /** The same as `abortSignal`, whose type the SDK keeps wider. */
  readonly signal?: AbortSignal;
}

export class SdkHandler {
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #transport: Transport;
  readonly #userAgent: string;
  readonly #operation: string;

  /** `operation` is what requests are called that carry no name of their own. */
  constructor(transport: Transport, userAgent: string, operation = "Request") {
    this.#transport = transport;
    this.#userAgent = userAgent;
    this.#operation = operation;
  }

  async handle(
    request: HttpRequest,
    options: Partial<SdkSendOptions> = {},
  ): Promise<{ response: HttpResponse }> {
    const { hostname, method, path, port, protocol } = request;
    const { "content-length": _, ...headers } = request.headers;
    const query = encodeQuery(plainQuery(request));
    const url = new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`);
    const response = await this.#transport.send(
      {
        operation: options.name?.operation ?? this.#operation,
        key: options.name?.key,
        method,
        origin: originOf(url),
        path: query === "" ? path : `${path}?${query}`,
        headers: { ...headers, "user-agent": this.#userAgent },
        body: bodyOf(request.body),
      },
      options.signal,
    );
    const { headers: answered, status: statusCode } = response;
    const { body } = statusCode < 300 ? response : withoutSecretsOf(request, response);
    return { response: { statusCode, headers: { ...answered } as HeaderBag, body } };
  }

  /** The SDK's way to change the handler's settings later, of which this one has none. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

function plainQuery(request: HttpRequest): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.query ?? {})) {
    assert(!Array.isArray(value), "S3 has no repeated query parameters");
    plain[name] = value ?? "";
  }
  return plain;
}

function bodyOf(body: unknown): readonly Uint8Array[] | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return [Buffer.from(body)];
  assert(body instanceof Uint8Array, "the SDK's own bodies are text or bytes");
  return [body];
}
