/**
 * Which certificates Node trusts when nobody names any, for the addon's TLS to trust the same: those
 * that Node carries or those of the system, by its flags, and those of NODE_EXTRA_CA_CERTS.
 */

import { readFileSync } from "node:fs";
import tls from "node:tls";

/** NODE_EXTRA_CA_CERTS and NODE_OPTIONS. Others are ignored. */
export type NodeEnvironment = Readonly<Record<string, string | undefined>>;

export interface Trust {
  /** PEM texts. */
  readonly certificates: readonly string[];
  /** Whether to trust what OpenSSL finds on the system, too. */
  readonly system: boolean;
}

/** undefined when this Node cannot tell. */
export function defaultTrust(environment: NodeEnvironment): Trust | undefined {
  const options = environment["NODE_OPTIONS"] ?? "";
  const isGiven = (flag: string) =>
    process.execArgv.includes(flag) || options.split(/\s+/).includes(flag);
  const extra = readExtra(environment["NODE_EXTRA_CA_CERTS"] ?? "");
  if (isGiven("--use-openssl-ca") || (prefersSystem() && !isGiven("--use-bundled-ca"))) {
    return { certificates: extra, system: true };
  }
  const told = toldCertificates();
  if (told === undefined && isGiven("--use-system-ca")) return undefined;
  return { certificates: [...(told ?? tls.rootCertificates), ...extra], system: false };
}

/** All of them, as Node tells since 22.15. */
function toldCertificates(): readonly string[] | undefined {
  const tell: unknown = Reflect.get(tls, "getCACertificates");
  return typeof tell === "function" ? Reflect.apply(tell, tls, ["default"]) : undefined;
}

/** As distributions build Node. */
function prefersSystem(): boolean {
  const { defines = [] } = process.config.target_defaults;
  return defines.includes("NODE_OPENSSL_CERT_STORE");
}

/** A file that cannot be read adds nothing, of which Node itself has warned. */
function readExtra(path: string): string[] {
  if (path === "") return [];
  try {
    return [readFileSync(path, "utf8")];
  } catch {
    return [];
  }
}
