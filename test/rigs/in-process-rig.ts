/**
 * The rig without a kernel: the file system, the readers, the uploads, the memory and the S3 client as
 * a mount has them, over the embedded endpoint, all in this process. What only a mount adds, the wire
 * and the kernel's caches, is missing, so that a failure here is a failure of meaning.
 */

import { type Log, silentLog } from "../../src/base/log.ts";
import { MIB } from "../../src/base/sizes.ts";
import { createFileSystem, errnoOf, type FileSystem } from "../../src/fs/index.ts";
import { type BlockPool, createBlockPool, SmallBuffers } from "../../src/memory/index.ts";
import { addon } from "../../src/native/index.ts";
import { openReader } from "../../src/read/index.ts";
import { CachedCredentials, createObjectClient, type ObjectClient } from "../../src/s3/index.ts";
import { createSandbox, type Sandbox } from "../../src/sandbox/index.ts";
import { createUploader } from "../../src/write/index.ts";
import { BUCKET_VIEW_AGENT, BucketView, clientOf } from "./bucket-view.ts";
import { InProcessTree } from "./in-process-tree.ts";
import { KernelWalk } from "./kernel-walk.ts";
import type { LoggedRequest, Mounted, MountFlags, Rig, World } from "./rig.ts";

const ARENA_BYTES = 384 * MIB;
const PART_BYTES = 8 * MIB;
const CREDENTIALS = { accessKeyId: "in-process-key", secretAccessKey: "in-process-secret" };

export class InProcessRig implements Rig {
  readonly #sandbox: Sandbox;
  readonly #bucket: BucketView;
  #mountCount = 0;

  private constructor(sandbox: Sandbox, bucket: BucketView) {
    this.#sandbox = sandbox;
    this.#bucket = bucket;
  }

  static async start(name = "test-bucket"): Promise<InProcessRig> {
    const sandbox = await createSandbox({
      buckets: [name],
      checksums: addon(),
      credentials: CREDENTIALS,
    });
    const client = clientOf({ url: sandbox.url, ...CREDENTIALS });
    return new InProcessRig(sandbox, new BucketView(client, name));
  }

  async mount(flags: MountFlags): Promise<Mounted> {
    this.#mountCount += 1;
    const bucket = this.#bucket.below(`mount-${this.#mountCount}/`);
    return new InProcessMounted(this.#sandbox, bucket, flags);
  }

  async close(): Promise<void> {
    await this.#sandbox.close();
  }
}

class InProcessMounted implements Mounted {
  readonly #sandbox: Sandbox;
  readonly #bucket: BucketView;
  readonly #client: ObjectClient;
  readonly #pool: BlockPool;
  readonly #fileSystem: FileSystem;
  readonly #walk: KernelWalk;
  #logged = "";

  constructor(sandbox: Sandbox, bucket: BucketView, flags: MountFlags) {
    this.#sandbox = sandbox;
    this.#bucket = bucket;
    const native = addon();
    const log = this.#log();
    const isDirectory = bucket.name.endsWith("--x-s3");
    this.#client = createObjectClient({
      ...(isDirectory && { directoryBucket: { readOnly: flags.readOnly ?? false } }),
      bucket: bucket.name,
      region: sandbox.region,
      endpointUrl: sandbox.url,
      forcePathStyle: true,
      profile: undefined,
      credentials: new CachedCredentials(async () => CREDENTIALS),
      checksums: native,
      ...(flags.maxAttempts === undefined ? {} : { retry: { attemptsMax: flags.maxAttempts } }),
      requesterPays: flags.requesterPays ?? false,
      expectedBucketOwner: flags.expectedBucketOwner,
      storageClass: flags.storageClass,
      encryption: flags.sse && { algorithm: flags.sse, kmsKeyId: flags.sseKmsKeyId },
      log,
    });
    this.#pool = createBlockPool({
      budgetBytes: ARENA_BYTES,
      allocate: native.allocateHuge,
      discard: native.discard,
    });
    const common = { client: this.#client, pool: this.#pool, log };
    const smallBuffers = SmallBuffers.of(this.#pool, "read");
    const { readPartBytes = PART_BYTES, writePartBytes = PART_BYTES } = flags;
    this.#fileSystem = createFileSystem({
      store: this.#client,
      ...(isDirectory && { directoryBucket: this.#client }),
      openReader: (object) =>
        openReader({ ...common, ...object, smallBuffers, partBytes: readPartBytes }),
      startUpload: createUploader({
        ...common,
        partBytes: writePartBytes,
        appends: flags.incrementalUpload ?? false,
        checksums: native,
        uploadChecksums: flags.uploadChecksums ?? "crc32c",
      }),
      options: {
        prefix: bucket.prefix,
        readOnly: flags.readOnly ?? false,
        allowDelete: flags.allowDelete ?? false,
        allowOverwrite: flags.allowOverwrite ?? false,
        incrementalUpload: flags.incrementalUpload ?? false,
        uid: flags.uid ?? process.getuid?.() ?? 0,
        gid: flags.gid ?? process.getgid?.() ?? 0,
        dirMode: flags.dirMode ?? 0o755,
        fileMode: flags.fileMode ?? 0o644,
        metadataTtl: ttlOf(flags.metadataTtl),
        fetchAhead: flags.fetchAhead ?? true,
        negativeMetadataTtl: ttlOf(flags.negativeMetadataTtl ?? flags.metadataTtl),
      },
      log,
      tgidOf: (pid) => pid,
      now: Date.now,
    });
    this.#walk = new KernelWalk({ operations: this.#fileSystem, errnoOf });
  }

  async world(name: string): Promise<World> {
    await this.#bucket.put(`${name}/`, "");
    const bucket = this.#bucket.below(`${name}/`);
    return {
      tree: new InProcessTree(this.#walk, name),
      bucket,
      path() {
        throw new Error("there is no mount that another program could use");
      },
      requests: async () => requestsBelow(this.#sandbox, bucket.prefix),
      fail: async (fault) => {
        const armed = this.#sandbox.faults.add({ ...fault, key: bucket.prefix + fault.key });
        return { metCount: async () => armed.metCount, remove: async () => armed.remove() };
      },
      log: () => this.#logged,
      async end() {
        throw new Error("there is no process to end");
      },
      async ended() {
        throw new Error("there is no process that could end");
      },
    };
  }

  #log(): Log {
    const keep = (message: string): void => {
      this.#logged += `${message}\n`;
    };
    const log: Log = { ...silentLog, info: keep, warn: keep, error: keep, named: () => log };
    return log;
  }

  async close(): Promise<void> {
    const { lost } = await this.#fileSystem.shutdown(AbortSignal.timeout(10_000));
    const uploads = await this.#bucket.uploads();
    this.#client.close();
    this.#walk.forgetDirectories();
    // Not the inodes: a directory that a scenario made stays for as long as the mount.
    const { handles, directoryHandles } = this.#fileSystem.gauges();
    const held = {
      lost: lost.length,
      uploads: uploads.length,
      handles,
      directoryHandles,
      lookups: this.#walk.lookupsHeld,
      blocks: this.#pool.blocksInUse,
    };
    const left = Object.entries(held).filter(([, count]) => count !== 0);
    if (left.length > 0)
      throw new Error(`left behind: ${JSON.stringify(Object.fromEntries(left))}`);
  }
}

function ttlOf(ttl: MountFlags["metadataTtl"] = "minimal") {
  if (typeof ttl === "string") return { kind: ttl } as const;
  return { kind: "seconds", seconds: ttl } as const;
}

function requestsBelow(sandbox: Sandbox, prefix: string): readonly LoggedRequest[] {
  return sandbox.requests
    .filter(({ headers }) => headers["user-agent"]?.includes(BUCKET_VIEW_AGENT) !== true)
    .map(({ operation, key, query }) => ({
      operation,
      key: key === "" ? (new URLSearchParams(query).get("prefix") ?? "") : key,
      query,
    }))
    .filter(({ key }) => key.startsWith(prefix));
}
