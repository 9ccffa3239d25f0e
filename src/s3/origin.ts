/** A server as HTTP addresses it: scheme, host and port. */

import { isIPv4 } from "node:net";

export interface Origin {
  readonly secure: boolean;
  /** Lower case; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

/** The origin of a URL whose protocol is http or https. */
export function originOf(url: URL): Origin {
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  return { secure, host: url.hostname.toLowerCase().replace(/^\[|\]$/g, ""), port };
}

/**
 * Whether a host is an address and no name. Names have no colons, and to ask `net.isIP` costs what a
 * whole request does, once: it compiles the longest of regular expressions.
 */
export function isAddress(host: string): boolean {
  return host.includes(":") || isIPv4(host);
}

/** As the Host header has it: the port only when it is not the scheme's own. */
export function authorityOf(origin: Origin): string {
  const host = origin.host.includes(":") ? `[${origin.host}]` : origin.host;
  return origin.port === (origin.secure ? 443 : 80) ? host : `${host}:${origin.port}`;
}

/** Identifies the origin, e.g. "https://s3.amazonaws.com". */
export function originKey(origin: Origin): string {
  return `${origin.secure ? "https" : "http"}://${authorityOf(origin)}`;
}
