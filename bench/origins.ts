/**
 * The servers that serve the bytes: MinIO for everything that writes, and nginx over a directory in
 * memory for reads at the highest rates, over HTTP and TLS. Each can be reached through a proxy that
 * holds requests back for some milliseconds, as a distant S3 does.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, stop, until } from "./processes.ts";

/** Where an origin is, and what a mount needs to know to use it. */
export interface Origin {
  readonly url: string;
  readonly tlsUrl: string | undefined;
  readonly caBundle: string | undefined;
  readonly anonymous: boolean;
  readonly bucket: string;
  /** Folder whose files are the bucket's objects, where the origin is nginx. */
  readonly files: string | undefined;
  close(): Promise<void>;
}

/** MinIO with one bucket, data on disk. `binary` is its executable. */
export async function startMinio(binary: string, bucket: string): Promise<Origin> {
  const data = mkdtempSync(join(tmpdir(), "mount-s3-ts-minio-"));
  mkdirSync(join(data, bucket));
  const port = await freePort();
  const child = spawn(binary, ["server", "--quiet", "--address", `127.0.0.1:${port}`, data], {
    stdio: "ignore",
    env: {
      ...process.env,
      MINIO_ROOT_USER: process.env["AWS_ACCESS_KEY_ID"],
      MINIO_ROOT_PASSWORD: process.env["AWS_SECRET_ACCESS_KEY"],
      MINIO_UPDATE: "off",
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await until("MinIO", async () => {
    if (child.exitCode !== null) throw new Error(`${binary} ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/minio/health/ready`).catch(() => undefined);
    return answer?.ok === true;
  });
  return {
    url,
    tlsUrl: undefined,
    caBundle: undefined,
    anonymous: false,
    bucket,
    files: undefined,
    async close() {
      await stop(child);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** nginx over files in memory, with `list-server.ts` beside it to answer listings. */
export async function startNginx(bucket: string): Promise<Origin> {
  const root = mkdtempSync("/dev/shm/mount-s3-ts-bench-");
  const files = join(root, "objects");
  mkdirSync(join(files, bucket), { recursive: true });
  const [port, tlsPort, listPort] = [await freePort(), await freePort(), await freePort()];
  await run("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", join(root, "key.pem")],
    ...["-out", join(root, "certificate.pem")],
  ]);
  const configuration = join(root, "nginx.conf");
  writeFileSync(configuration, nginxConfiguration({ root, files, port, tlsPort, listPort }));
  const listServer = fileURLToPath(new URL("./list-server.js", import.meta.url));
  const lister = spawn(process.execPath, [listServer, String(listPort), files], {
    stdio: "ignore",
  });
  const nginx = spawn("nginx", ["-p", root, "-c", configuration], { stdio: "inherit" });
  await until("nginx", () => answers(`http://127.0.0.1:${port}/${bucket}?list-type=2`, nginx));
  return {
    url: `http://127.0.0.1:${port}`,
    tlsUrl: `https://127.0.0.1:${tlsPort}`,
    caBundle: join(root, "certificate.pem"),
    anonymous: true,
    bucket,
    files: join(files, bucket),
    async close() {
      await stop(nginx);
      await stop(lister);
      rmSync(root, { recursive: true, force: true });
    },
  };
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
  return `daemon off; worker_processes 2; user root; pid ${plan.root}/nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; server_tokens off;
  default_type binary/octet-stream;
  ssl_certificate ${plan.root}/certificate.pem; ssl_certificate_key ${plan.root}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:1m;
  upstream listings { server 127.0.0.1:${plan.listPort}; keepalive 16; }
  map $request_uri $listing { default 0; "~^/[^/?]+/?(\\?.*)?$" 1; }
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

/** A way to `url` on which each request arrives `delayMs` late. */
export async function delayed(
  url: string,
  delayMs: number,
): Promise<{ url: string; close(): Promise<void> }> {
  const port = await freePort();
  const script = join(dirname(fileURLToPath(import.meta.url)), "delay-proxy.js");
  const target = new URL(url);
  const child = spawn(
    process.execPath,
    [script, String(port), target.hostname, target.port, String(delayMs)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  return { url: `${target.protocol}//127.0.0.1:${port}`, close: () => stop(child) };
}

async function freePort(): Promise<number> {
  const server: NetServer = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no TCP port is free");
  return address.port;
}
