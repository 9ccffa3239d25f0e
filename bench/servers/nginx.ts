/**
 * nginx over files in memory, for reads at the highest rates, over HTTP and TLS. It takes no writes and
 * no signatures; `list-server.ts` beside it answers listings, and makes up objects that are only names.
 */

import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataSet } from "../jobs/job.ts";
import { adopt, run, stop, until } from "../processes.ts";
import { freePort } from "./free-port.ts";
import { chunksOf } from "./object-store.ts";
import { CREDENTIALS, LOCAL_REGION, type Server } from "./server.ts";

const LIST_PROGRAM = fileURLToPath(new URL("../list-server.js", import.meta.url));

export interface NginxServers {
  readonly plain: Server;
  readonly tls: Server;
}

export async function startNginx(bucket: string): Promise<NginxServers> {
  const root = mkdtempSync("/dev/shm/mount-s3-ts-bench-");
  const files = join(root, "objects");
  const folder = join(files, bucket);
  mkdirSync(folder, { recursive: true });
  const [port, tlsPort, listPort] = [await freePort(), await freePort(), await freePort()];
  await run("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", join(root, "key.pem")],
    ...["-out", join(root, "certificate.pem")],
  ]);
  const configuration = join(root, "nginx.conf");
  writeFileSync(configuration, nginxConfiguration({ root, files, port, tlsPort, listPort }));
  const lister = adopt(
    spawn(process.execPath, [LIST_PROGRAM, String(listPort), files], {
      stdio: "ignore",
      detached: true,
    }),
  );
  const nginx = adopt(
    spawn("nginx", ["-p", root, "-c", configuration], {
      stdio: "inherit",
      detached: true,
    }),
  );
  let missing: Error | undefined;
  nginx.once("error", (error) => {
    missing = error;
  });
  const url = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    await stop(nginx);
    await stop(lister);
    rmSync(root, { recursive: true, force: true });
  };
  try {
    await until("nginx", () => {
      if (missing !== undefined) throw new Error(`nginx did not start: ${missing.message}`);
      return answers(`${url}/${bucket}?list-type=2`, nginx);
    });
  } catch (error) {
    await close();
    throw error;
  }
  const caBundle = join(root, "certificate.pem");
  const version = (await run("bash", ["-c", "nginx -v 2>&1"]))
    .trim()
    .replace("nginx version: ", "");
  const plain: Server = {
    name: "nginx",
    description: `${version} over files in memory, HTTP, unsigned`,
    url,
    bucket,
    prefix: "",
    region: LOCAL_REGION,
    anonymous: true,
    caBundle: undefined,
    environment: CREDENTIALS,
    load: async (set, signal) => {
      await writeSet(folder, set, signal);
      // The list server looks at what is there when it is asked; that is not to be measured.
      await fetch(`${url}/${bucket}?list-type=2&max-keys=1`);
    },
    remove: async (prefix) => {
      if (prefix.endsWith("/")) rmSync(join(folder, prefix), { recursive: true, force: true });
      else await run("bash", ["-c", 'rm -f -- "$1"*', "bash", join(folder, prefix)]);
    },
    close,
  };
  const tls: Server = {
    ...plain,
    name: "nginx-tls",
    description: `${version} over files in memory, TLS, unsigned`,
    url: `https://127.0.0.1:${tlsPort}`,
    caBundle,
    environment: { ...CREDENTIALS, AWS_CA_BUNDLE: caBundle, SSL_CERT_FILE: caBundle },
    close: () => Promise.resolve(),
  };
  return { plain, tls };
}

async function writeSet(folder: string, set: DataSet, signal: AbortSignal): Promise<void> {
  if (set.onlyNames) {
    mkdirSync(join(folder, set.prefix), { recursive: true });
    return;
  }
  for (let index = 0; index < set.count; index++) {
    const path = join(folder, set.key(index));
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(path, "w");
    for (const chunk of chunksOf(set.bytes)) writeSync(fd, chunk);
    closeSync(fd);
    if (index % 256 !== 0) continue;
    signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface NginxPlan {
  readonly root: string;
  readonly files: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly listPort: number;
}

/** Objects are files; a request for a bucket, with or without a query, is a listing. */
function nginxConfiguration(plan: NginxPlan): string {
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `daemon off; worker_processes 2; ${user} pid ${plan.root}/nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; server_tokens off;
  default_type binary/octet-stream;
  ssl_certificate ${plan.root}/certificate.pem; ssl_certificate_key ${plan.root}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:1m;
  upstream listings { server 127.0.0.1:${plan.listPort}; keepalive 16; }
  map $request_uri $listing { default 0; "~^/[^/?]+/?(\\?.*)?$" 1; "~^/[^/?]+/names-\\d+/" 1; }
  server {
    listen 127.0.0.1:${plan.port}; listen 127.0.0.1:${plan.tlsPort} ssl;
    root ${plan.files};
    location / {
      error_page 418 = @listing; error_page 404 = @missing;
      if ($listing) { return 418; }
      try_files $uri =404;
    }
    location @listing { proxy_pass http://listings; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location @missing {
      default_type application/xml;
      return 404 '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>';
    }
  }
}
`;
}

async function answers(url: string, server: ChildProcess): Promise<boolean> {
  if (server.exitCode !== null) throw new Error(`the server of ${url} ended`);
  const answer = await fetch(url).catch(() => undefined);
  return answer?.ok === true;
}
