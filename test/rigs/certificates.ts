/** A certificate authority of the tests' own, and a server's certificate that it has signed. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificates {
  /** Path of the authority's own certificate, PEM. */
  readonly authorityPath: string;
  readonly authority: string;
  /** Of the server at localhost and 127.0.0.1. */
  readonly server: { readonly key: string; readonly cert: string };
}

/** Makes them as files in `directory`. `host` is another name of the server. */
export function makeCertificates(directory: string, host = "localhost"): Certificates {
  const openssl = (line: string): void => {
    execFileSync("openssl", line.split(" "), { cwd: directory, stdio: "pipe" });
  };
  const key = "-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
  const names = `subjectAltName=DNS:localhost,DNS:${host},IP:127.0.0.1`;
  openssl(`req -x509 ${key} -keyout ca.key -out ca.pem -days 2 -subj /CN=Tests`);
  openssl(`req ${key} -keyout key.pem -out request.pem -subj /CN=localhost -addext ${names}`);
  openssl(
    "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -copy_extensions copy",
  );
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  return {
    authorityPath: join(directory, "ca.pem"),
    authority: read("ca.pem"),
    server: { key: read("key.pem"), cert: read("cert.pem") },
  };
}
