/**
 * Which proxy, if any, a request goes through, by the variables that curl made customary. This layer
 * is handed their values and never looks at the process's environment.
 */

import type { Socket } from "node:net";

import { S3Error } from "./error.ts";
import type { Origin } from "./origin.ts";

/** HTTP_PROXY, HTTPS_PROXY, NO_PROXY and their lower-case twins, which win. Others are ignored. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/** The proxy for `origin`, or undefined. Throws an S3Error for a proxy that is no http(s) URL. */
export function proxyFor(origin: Origin, environment: ProxyEnvironment): URL | undefined {
  const name = origin.secure ? "https_proxy" : "http_proxy";
  const value = environment[name] ?? environment[name.toUpperCase()] ?? "";
  if (value === "") return undefined;
  const exceptions = environment["no_proxy"] ?? environment["NO_PROXY"] ?? "";
  if (exceptions.split(",").some((exception) => matches(origin, exception.trim()))) {
    return undefined;
  }
  try {
    const url = new URL(value.includes("://") ? value : `http://${value}`);
    proxyAuthorization(url);
    if (url.protocol === "http:" || url.protocol === "https:") return url;
  } catch {
    // Answered below. What the URL parser says would repeat the password in it.
  }
  throw new S3Error(
    `what ${name.toUpperCase()} holds is no proxy of http or https, which is written http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with % before each sign that is none of a URL`,
    { kind: "rejected", operation: "Proxy" },
  );
}

/** "*", a host, a domain with or without its leading dot, each with or without ":port". */
function matches(origin: Origin, exception: string): boolean {
  if (exception === "") return false;
  if (exception === "*") return true;
  const [, name = "", port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(exception.toLowerCase()) ?? [];
  if (port !== undefined && Number(port) !== origin.port) return false;
  const domain = name.replace(/^\*?\./, "");
  return origin.host === domain || origin.host.endsWith(`.${domain}`);
}

/** The Proxy-Authorization header that the user and password in the proxy's URL stand for. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === "") return undefined;
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(user).toString("base64")}`;
}

/**
 * Opens a tunnel to `origin` through `proxy`. The socket is the caller's. Rejects when the proxy
 * refuses, and when `signal` aborts.
 */
export async function openTunnel(proxy: URL, origin: Origin, signal: AbortSignal): Promise<Socket> {
  // Most mounts use no proxy, and node:http costs start-up time.
  const { request } =
    proxy.protocol === "https:" ? await import("node:https") : await import("node:http");
  const authority = `${origin.host.includes(":") ? `[${origin.host}]` : origin.host}:${origin.port}`;
  const authorization = proxyAuthorization(proxy);
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { host: authority };
    if (authorization !== undefined) headers["proxy-authorization"] = authorization;
    const connect = request({
      host: proxy.hostname.replace(/^\[|\]$/g, ""),
      port: proxy.port === "" ? (proxy.protocol === "https:" ? 443 : 80) : Number(proxy.port),
      method: "CONNECT",
      path: authority,
      headers,
      agent: false,
      signal,
    });
    connect.on("connect", (response, socket: Socket, rest: Buffer) => {
      if (response.statusCode === 200 && rest.length === 0) {
        resolve(socket);
      } else {
        socket.destroy();
        reject(new Error(`the proxy answered CONNECT with HTTP ${response.statusCode}`));
      }
    });
    connect.on("response", (response) => {
      connect.destroy();
      reject(new Error(`the proxy answered CONNECT with HTTP ${response.statusCode}`));
    });
    connect.on("error", reject);
    connect.end();
  });
}
