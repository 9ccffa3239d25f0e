/**
 * Puts everything together: the object store at one end, the kernel at the other, and the file system
 * between them. The only place that knows both.
 *
 *   starting ──▶ serving ──unmount()──▶ completing uploads ──▶ unmounting ──▶ closed
 *                   └────────── unmounted from outside ──────────▲
 */

import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { KIB, MIB } from "../base/sizes.ts";
import { systemError } from "../base/system-error.ts";
import { createFileSystem, type FileSystem, rememberingTgids } from "../fs/index.ts";
import type { Operations } from "../fuse/index.ts";
import {
  arenaBudget,
  type BlockPool,
  createBlockPool,
  defaultMemoryTarget,
  Intake,
  SmallBuffers,
  writableBytes,
} from "../memory/index.ts";
import { addonIfAny } from "../native/index.ts";
import { openReader } from "../read/index.ts";
import { createObjectClient, type ObjectClient } from "../s3/index.ts";
import { createUploader } from "../write/index.ts";
import { checkAccess } from "./bucket-access.ts";
import { type Environment, numberFrom } from "./environment.ts";
import { MountError } from "./error.ts";
import { type Backend, type KernelEnd, loadBackend } from "./kernel-end.ts";
import { measuredOperations } from "./measured-operations.ts";
import { inferredContentTypes, uploadChecksumsFor } from "./new-objects.ts";
import type { MountOptions } from "./options.ts";
import { defaultDataThreads, processorsAllowed } from "./processors.ts";
import { isDirectoryBucket, storeOptions } from "./store-options.ts";

/** What the process around a mount lends it. */
export interface MountContext {
  readonly log: Log;
  /** Where AWS_CA_BUNDLE, AWS_MAX_ATTEMPTS, proxies and mount-s3's UNSTABLE_MOUNTPOINT_ numbers are read. */
  readonly environment: Environment;
  /** undefined: nothing is measured. */
  readonly metrics?: Metrics | undefined;
  /** Called when a file has been read often, here and there: once for each such handle. */
  readonly onManyReads?: (() => void) | undefined;
}

export interface Mounted {
  /** "bucket B is mounted at D", or "prefix P of bucket B is mounted at D". */
  readonly summary: string;
  /** The device as /proc/self/mountinfo has it; undefined where the system does not tell. */
  readonly device: string | undefined;
  /** Keys of what was written but not known to be stored when the mount ended. */
  readonly lostKeys: ReadonlySet<string>;
  /** Resolves when the mount is gone, by whomever; rejects when it broke. Uploads are settled then. */
  readonly closed: Promise<void>;
  /**
   * Completes pending uploads within the options' time and until `hurry` aborts, gives up on the rest
   * so that nothing of them is left, unmounts, and resolves with `closed`.
   */
  unmount(hurry?: AbortSignal): Promise<void>;
}

/**
 * Mounts, and resolves when the mount answers. Whatever fails, nothing is left.
 * @throws MountError, FuseError, NativeError or FuseNativeError, each with a message for the person who asked
 */
export async function mountBucket(options: MountOptions, context: MountContext): Promise<Mounted> {
  const processors = processorsAllowed();
  const backend = await loadBackend(options, processors);
  const cores = addonIfAny()?.forbidCores() ?? 0;
  if (cores < 0) context.log.named("mount").warn(`core dumps stay allowed: ${systemError(-cores)}`);
  startDataThreads(options, processors, context.log.named("mount"));
  const budgetBytes = budgetFor(options);
  const tuning = tuningFrom(context.environment);
  const { metrics } = context;
  const clientOptions = { ...(await storeOptions(options, context, backend)), metrics };
  const log = context.log.named("mount");
  const { region } = await checkAccess(clientOptions, options, log);
  const contentTypeOf = options.inferContentType ? await inferredContentTypes() : undefined;
  const client = createObjectClient({ ...clientOptions, ...(region && { region }) });
  try {
    const { onManyReads } = context;
    const ends = { backend, client, budgetBytes, contentTypeOf, tuning, metrics, onManyReads };
    const mount = new Mount(options, log, ends);
    await mount.start();
    return mount;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Less is received, or copied to the kernel, sooner than it is handed over. */
const ASIDE_BYTES_MIN = 256 * KIB;

/** The mount works without them. */
function startDataThreads(options: MountOptions, processors: number, log: Log): void {
  const { dataThreads, endpointUrl, threadsMax = Number.POSITIVE_INFINITY } = options;
  const overTls = endpointUrl?.startsWith("http:") !== true;
  const wanted = dataThreads ?? defaultDataThreads(overTls, processors);
  const count = Math.min(wanted, threadsMax - 1);
  if (count === 0) return;
  const result = addonIfAny()?.setDataThreads(count, ASIDE_BYTES_MIN) ?? 0;
  if (result < 0) log.warn(`starting ${count} data threads failed: ${systemError(-result)}`);
}

/** What is left for the bytes of objects, within the memory target. */
function budgetFor({ memoryTargetBytes, writePartBytes }: MountOptions): number {
  const targetBytes = memoryTargetBytes ?? defaultMemoryTarget();
  const budgetBytes = arenaBudget(targetBytes);
  const partBytesMax = writableBytes(budgetBytes);
  if (writePartBytes <= partBytesMax) return budgetBytes;
  throw new MountError(
    `--write-part-size ${writePartBytes} does not fit the memory target of ${targetBytes / MIB} MiB, ` +
      `which leaves ${partBytesMax} bytes for parts: make the parts smaller or --memory-target larger`,
  );
}

/** What variables set: those of mount-s3 for who knows what they measure, and where files can wait. */
interface Tuning {
  readonly spillDirectories: readonly string[];
  readonly background: { readonly requestsMax?: number; readonly congestionThreshold?: number };
  readonly windowBytesMax: number | undefined;
}

function tuningFrom(environment: Environment): Tuning {
  const number = (name: string, max: number) =>
    numberFrom(environment, `UNSTABLE_MOUNTPOINT_${name}`, 1, max);
  const requestsMax = number("MAX_BACKGROUND", 0xffff);
  const congestionThreshold = number("CONGESTION_THRESHOLD", 0xffff);
  const temporary = environment["TMPDIR"];
  return {
    // As others do with what is large: /tmp is in memory on many machines.
    spillDirectories: temporary ? [temporary] : ["/var/tmp", "/tmp"],
    background: {
      ...(requestsMax !== undefined && { requestsMax }),
      ...(congestionThreshold !== undefined && { congestionThreshold }),
    },
    windowBytesMax: number("MAX_PREFETCH_WINDOW_SIZE", Number.MAX_SAFE_INTEGER),
  };
}

interface Ends {
  readonly backend: Backend;
  readonly client: ObjectClient;
  readonly budgetBytes: number;
  readonly tuning: Tuning;
  readonly metrics: Metrics | undefined;
  readonly onManyReads: (() => void) | undefined;
  /** By the name of an object; the type of any bytes when absent. */
  readonly contentTypeOf: ((key: string) => string) | undefined;
}

class Mount implements Mounted {
  readonly summary: string;
  readonly lostKeys: Set<string> = new Set();
  readonly #options: MountOptions;
  readonly #log: Log;
  readonly #ends: Ends;
  readonly #pool: BlockPool;
  readonly #intake: Intake;
  readonly #fileSystem: FileSystem;
  #kernel: KernelEnd | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(options: MountOptions, log: Log, ends: Ends) {
    const { bucket, prefix, directory } = options;
    const what = prefix === "" ? `bucket ${bucket}` : `prefix ${prefix} of bucket ${bucket}`;
    this.summary = `${what} is mounted at ${directory}`;
    this.#options = options;
    this.#log = log;
    this.#ends = ends;
    const { backend, client } = ends;
    const { native } = backend;
    this.#pool = createBlockPool({
      budgetBytes: ends.budgetBytes,
      allocate: native.allocateHuge,
      discard: native.discard,
    });
    this.#intake = new Intake(this.#pool);
    const { contentTypeOf } = ends;
    const { windowBytesMax } = ends.tuning;
    const arrivals = { bytes: 0 };
    const pool = this.#pool;
    const smallBuffers = SmallBuffers.of(pool, "read");
    const { readPartBytes: partBytes, writePartBytes } = options;
    const readLog = log.named("read");
    this.#fileSystem = createFileSystem({
      store: client,
      ...(isDirectoryBucket(options) && { directoryBucket: client }),
      // Nothing is spread: V8 would give each of these objects a hidden class of its own.
      openReader: ({ key, etag, objectBytes }) =>
        openReader({
          key,
          etag,
          objectBytes,
          client,
          pool,
          smallBuffers,
          partBytes,
          arrivals,
          windowBytesMax,
          onManyReads: ends.onManyReads,
          log: readLog,
        }),
      startUpload: createUploader({
        client,
        pool,
        checksums: native,
        uploadChecksums: uploadChecksumsFor(options),
        partBytes: writePartBytes,
        spillDirectories: ends.tuning.spillDirectories,
        appends: options.incrementalUpload,
        contentTypeOf,
        afterReply: backend.afterReply,
        exchange: (data, block) => this.#intake.exchange(data, block),
        log: log.named("write"),
      }),
      options,
      log: log.named("fs"),
      tgidOf: rememberingTgids(() => performance.now()),
      invalidateEntry: async (parent, name, expireOnly) =>
        this.#kernel?.invalidateEntry?.(parent, name, expireOnly),
      invalidatePages: async (ino) => this.#kernel?.invalidatePages?.(ino),
      now: Date.now,
    });
  }

  get device(): string | undefined {
    return this.#kernel?.device;
  }

  get closed(): Promise<void> {
    return this.#closed;
  }

  async start(): Promise<void> {
    const { backend, metrics, tuning } = this.#ends;
    const plain: Operations = this.#fileSystem;
    const operations = metrics === undefined ? plain : measuredOperations(plain, metrics);
    const log = this.#log.named("fuse");
    const kernel = await backend.start({
      ...{ operations, log, intake: this.#intake },
      background: tuning.background,
    });
    this.#kernel = kernel;
    this.#closed = this.#untilClosed(kernel);
    this.#closed.catch(() => {});
  }

  async unmount(hurry?: AbortSignal): Promise<void> {
    await this.#settleUploads(hurry);
    await this.#kernel?.unmount();
    // Whoever still has files open there gets an error from now on, not a file system without a store.
    this.#kernel?.close();
    await this.#closed;
  }

  /** Waits for the end of the mount and gives everything back. */
  async #untilClosed(kernel: KernelEnd): Promise<void> {
    try {
      await kernel.closed;
    } finally {
      await this.#settleUploads();
      await kernel.unmount();
      kernel.dispose();
      this.#ends.client.close();
      this.#logGauges(kernel);
    }
  }

  async #settleUploads(hurry?: AbortSignal): Promise<void> {
    const limit = AbortSignal.timeout(this.#options.uploadTimeoutMs);
    const signal = hurry === undefined ? limit : AbortSignal.any([limit, hurry]);
    const { lost, stored, unfinished } = await this.#fileSystem.shutdown(signal);
    for (const key of stored) this.#log.info(`stored ${JSON.stringify(key)} before unmounting`);
    for (const key of unfinished) {
      this.#log.warn(
        `${JSON.stringify(key)} was open for writing when the mount ended: the bucket has what was written ` +
          "until then, which may not be all; write it again if the program was not done",
      );
    }
    for (const key of lost) {
      this.lostKeys.add(key);
      this.#log.error(
        `${JSON.stringify(key)} was not known to be stored when the mount ended; unless its last ` +
          "request had arrived it is not in the bucket: --upload-timeout gives uploads more time",
      );
    }
  }

  #logGauges(kernel: KernelEnd): void {
    const gauges = {
      ...kernel.gauges,
      ...this.#fileSystem.gauges(),
      blocksInUse: this.#pool.blocksInUse,
    };
    this.#log.debug(`left at the end: ${JSON.stringify(gauges)}`);
  }
}
