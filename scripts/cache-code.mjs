/**
 * Has V8 compile beforehand what a mount runs at its start, into dist/program/*.cache, for the Node that
 * runs this script: the programs then start in two thirds of the time. The package's `install` script,
 * which needs nothing but Node. Without the caches all works as well, so that it never fails.
 *
 * What is compiled is what is called: a mount is tried, against a bucket that this process makes up, and
 * its directory is taken away at the last moment, so that nothing is ever mounted.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../dist/program/main.js", import.meta.url));
const TIMEOUT_MS = 30_000;

const LISTING = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix></Prefix>
<KeyCount>0</KeyCount><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>`;

async function makeCaches() {
  const directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-"));
  const server = createServer((_, response) => {
    rmSync(directory, { recursive: true, force: true });
    response.setHeader("content-type", "application/xml").end(LISTING);
  });
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${server.address().port}`;
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), directory, url], {
      stdio: "ignore",
      timeout: TIMEOUT_MS,
      env: environment(),
    });
    await once(child, "exit");
  } finally {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Without what leads a mount elsewhere, and options of V8: data that was made with others does not fit. */
function environment() {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(?:AWS_|MOUNT|NODE_|UNSTABLE_|.*_proxy$)/i.test(name),
  );
  const keys = { AWS_ACCESS_KEY_ID: "nobody", AWS_SECRET_ACCESS_KEY: "nobody" };
  return { ...Object.fromEntries(entries), ...keys };
}

/** Mounts as main.js does when it is started, and saves what was compiled when that has failed. */
function tryMount(directory, url) {
  const flags = ["-f", "--region", "us-east-1", "--endpoint-url", url, "--force-path-style"];
  process.argv.splice(1, process.argv.length, PROGRAM, ...flags, "bucket", directory);
  const require = createRequire(import.meta.url);
  process.on("exit", () => require(PROGRAM).saveCaches());
  require(PROGRAM);
}

const [directory, url] = process.argv.slice(2);
if (url !== undefined) tryMount(directory, url);
else if (existsSync(PROGRAM)) await makeCaches().catch(() => {});
