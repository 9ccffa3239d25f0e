/**
 * Servers that are started here and take writes: MinIO, the sandbox that comes with mount-s3-ts, and one
 * that throws everything away.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adopt, run, stop, until } from "../processes.ts";
import { referenceProgram } from "../reference.ts";
import { freePort } from "./free-port.ts";
import { ObjectStore } from "./object-store.ts";
import { CREDENTIALS, LOCAL_REGION, type Server } from "./server.ts";

/** MinIO with one bucket, data on disk. `binary` is its executable. */
export async function startMinio(binary: string, bucket: string): Promise<Server> {
  const data = mkdtempSync(join(tmpdir(), "mount-s3-ts-minio-"));
  mkdirSync(join(data, bucket));
  const port = await freePort();
  const child = adopt(
    spawn(binary, ["server", "--quiet", "--address", `127.0.0.1:${port}`, data], {
      stdio: "ignore",
      detached: true,
      env: {
        ...process.env,
        MINIO_ROOT_USER: CREDENTIALS.AWS_ACCESS_KEY_ID,
        MINIO_ROOT_PASSWORD: CREDENTIALS.AWS_SECRET_ACCESS_KEY,
        MINIO_UPDATE: "off",
      },
    }),
  );
  const url = `http://127.0.0.1:${port}`;
  const remove = (): void => rmSync(data, { recursive: true, force: true });
  await untilReady(child, `${url}/minio/health/ready`, remove);
  const version = (await run(binary, ["--version"])).split("\n")[0] ?? "MinIO";
  return localStore(
    { name: "minio", description: `${version}, data on disk`, url, bucket },
    async () => {
      await stop(child);
      remove();
    },
  );
}

const SANDBOXES = {
  sandbox: { flags: [], words: "objects in memory" },
  "sandbox-discard": {
    flags: ["--discard", "--anonymous"],
    words: "unsigned, which forgets the bytes that are written",
  },
  "sandbox-express": {
    flags: [],
    words: "objects in memory, a directory bucket of S3 Express One Zone",
  },
} as const;

/** The sandbox of `program`, the main program of mount-s3-ts. */
export async function startSandbox(
  program: string,
  name: keyof typeof SANDBOXES,
  bucket: string,
): Promise<Server> {
  const port = await freePort();
  const { flags, words } = SANDBOXES[name];
  const args = [program, "sandbox", "--port", String(port), "--bucket", bucket, ...flags];
  const child = adopt(
    spawn(process.execPath, args, {
      stdio: "ignore",
      detached: true,
      env: { ...process.env, ...CREDENTIALS },
    }),
  );
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, url, () => {});
  const description = `the sandbox of mount-s3-ts, ${words}`;
  const store = localStore({ name, description, url, bucket }, () => stop(child));
  return { ...store, anonymous: name === "sandbox-discard" };
}

/** The reference program that throws away what is written, in any bucket. */
export async function startDiscard(bucket: string): Promise<Server> {
  const port = await freePort();
  const child = adopt(
    spawn(await referenceProgram("discard"), [String(port)], { stdio: "ignore", detached: true }),
  );
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, url, () => {});
  const description = "discard.c, unsigned, which throws away what is written";
  const store = localStore({ name: "discard", description, url, bucket }, () => stop(child));
  return { ...store, anonymous: true };
}

async function untilReady(child: ChildProcess, url: string, clear: () => void): Promise<void> {
  let failure: string | undefined;
  child.once("error", (error) => {
    failure = error.message;
  });
  try {
    await until(url, async () => {
      if (child.exitCode !== null) failure ??= `exit status ${child.exitCode}`;
      if (failure !== undefined) throw new Error(`${child.spawnfile} did not start: ${failure}`);
      return (await fetch(url).catch(() => undefined)) !== undefined;
    });
  } catch (error) {
    await stop(child);
    clear();
    throw error;
  }
}

interface Described {
  readonly name: string;
  readonly description: string;
  readonly url: string;
  readonly bucket: string;
}

function localStore(described: Described, close: () => Promise<void>): Server {
  const store = new ObjectStore({
    ...described,
    prefix: "",
    region: LOCAL_REGION,
    credentials: {
      accessKeyId: CREDENTIALS.AWS_ACCESS_KEY_ID,
      secretAccessKey: CREDENTIALS.AWS_SECRET_ACCESS_KEY,
    },
  });
  return {
    ...described,
    prefix: "",
    region: LOCAL_REGION,
    anonymous: false,
    caBundle: undefined,
    environment: CREDENTIALS,
    load: (set, signal) => store.load(set, signal),
    remove: (prefix) => store.remove(prefix),
    close: async () => {
      store.close();
      await close();
    },
  };
}
