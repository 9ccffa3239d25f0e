/**
 * What the process that serves a mount leaves in a file about it, for the commands `list` and
 * `unmount`: the kernel's table of mounts knows neither bucket nor process. Nothing depends on the
 * files; without one, less is known.
 *
 * A file is named for the mount's device, which one kernel gives to one mount at a time, whatever the
 * container, and for the process: the next mount may have the device before this one has said how it
 * ended. It is removed when the mount ends, unless something was lost.
 */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Log, messageOf } from "../../base/log.ts";
import { readMounts } from "../../base/mountinfo.ts";
import type { MountOptions } from "../../mount/index.ts";
import { isRunning, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface MountRecord {
  readonly server: ProcessIdentity;
  readonly device: string;
  readonly directory: string;
  readonly bucket: string;
  readonly prefix: string;
  /** ISO 8601. */
  readonly since: string;
  /** Flags that are worth showing. */
  readonly flags: readonly string[];
  readonly uploadTimeoutMs: number;
  /** Set when the mount has ended: how many files were not known to be stored. */
  readonly lostCount: number | undefined;
}

const SUFFIX = ".json";
const RECORD_BYTES_MAX = 65_536;
/** `unmount` reads what was lost when the process has just ended; after that, nobody does. */
const ENDED_RECORD_MS = 60_000;

/** Where a user's records may be, best first. All are directories that only this user may write. */
function recordDirectories(uid: number, environment: Environment): readonly string[] {
  const runtime = environment["XDG_RUNTIME_DIR"];
  const directories = uid === 0 ? ["/run"] : [`/run/user/${uid}`];
  if (uid !== 0 && runtime?.startsWith("/")) directories.unshift(runtime);
  return [...directories.map((path) => join(path, "mount-s3-ts")), `/tmp/mount-s3-ts-${uid}`];
}

/** The record of one mount, from its making to its end. */
export class RecordKeeper {
  readonly #path: string;
  readonly #record: MountRecord;

  private constructor(path: string, record: MountRecord) {
    this.#path = path;
    this.#record = record;
  }

  /** Writes the record of a mount of this process. Returns undefined when there is no place for it. */
  static begin(
    device: string,
    options: MountOptions,
    { environment, log }: { readonly environment: Environment; readonly log: Log },
  ): RecordKeeper | undefined {
    const { bucket, directory, prefix, uploadTimeoutMs } = options;
    const record: MountRecord = {
      server: ownIdentity(),
      device,
      directory,
      bucket,
      prefix,
      since: new Date().toISOString(),
      flags: flagsToShow(options),
      uploadTimeoutMs,
      lostCount: undefined,
    };
    const uid = process.getuid?.() ?? 0;
    for (const place of recordDirectories(uid, environment)) {
      try {
        makePrivate(place, uid);
        removeStale(place, uid);
        const keeper = new RecordKeeper(join(place, `${device}.${process.pid}${SUFFIX}`), record);
        keeper.#write(record);
        return keeper;
      } catch (error) {
        log.debug(`no record of this mount in ${place}: ${messageOf(error)}`);
      }
    }
    return undefined;
  }

  /** The mount is gone. Never throws. */
  end(lostCount: number): void {
    try {
      if (lostCount === 0) rmSync(this.#path, { force: true });
      else this.#write({ ...this.#record, lostCount });
    } catch {
      // Stale records are told by their process.
    }
  }

  #write(record: MountRecord): void {
    const draft = `${this.#path}.${process.pid}`;
    rmSync(draft, { force: true });
    writeFileSync(draft, JSON.stringify(record), { mode: 0o600, flag: "wx" });
    renameSync(draft, this.#path);
  }
}

/** A record, and the file that holds it. */
export interface StoredRecord extends MountRecord {
  readonly path: string;
  /** Whose it is. */
  readonly uid: number;
}

/** The record as it is now, unless it is gone or that of another process. */
export function readAgain({ path, server, uid }: StoredRecord): MountRecord | undefined {
  const record = readRecord(path, uid);
  return record?.server.startTicks === server.startTicks ? record : undefined;
}

/** Only of this user: another may have put anything in the way to the file. */
export function removeRecord({ path, uid }: StoredRecord): void {
  if (uid === process.getuid?.()) rmSync(path, { force: true });
}

/** The records of user `uid`. Whatever is not one, or not that user's, is passed over. */
export function readRecords(uid: number, environment: Environment): readonly StoredRecord[] {
  return recordDirectories(uid, environment).flatMap((place) => recordsIn(place, uid));
}

function recordsIn(place: string, uid: number): readonly StoredRecord[] {
  let names: readonly string[];
  try {
    if (!isPrivate(place, uid)) return [];
    names = readdirSync(place).filter((name) => name.endsWith(SUFFIX));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const path = join(place, name);
    const record = readRecord(path, uid);
    return record === undefined ? [] : [{ ...record, path, uid }];
  });
}

function readRecord(path: string, uid: number): MountRecord | undefined {
  let fd: number | undefined;
  try {
    // Another user's directory may hold anything: a link elsewhere, or a pipe that never ends.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = fstatSync(fd);
    if (!found.isFile() || found.uid !== uid || found.size > RECORD_BYTES_MAX) return undefined;
    const value: unknown = JSON.parse(readFileSync(fd, "utf8"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The type of every field but the optional `lostCount`. */
const FIELDS = {
  device: "string",
  directory: "string",
  bucket: "string",
  prefix: "string",
  since: "string",
  uploadTimeoutMs: "number",
} as const;

function isRecord(value: unknown): value is MountRecord {
  if (typeof value !== "object" || value === null) return false;
  const record: Partial<Record<keyof MountRecord, unknown>> = value;
  const { flags, lostCount, server } = record;
  return (
    Object.entries(FIELDS).every(([name, type]) => typeof Reflect.get(value, name) === type) &&
    Array.isArray(flags) &&
    flags.every((flag) => typeof flag === "string") &&
    (lostCount === undefined || typeof lostCount === "number") &&
    isIdentity(server)
  );
}

function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== "object" || value === null) return false;
  const { pid, startTicks, pidNamespace }: Partial<Record<keyof ProcessIdentity, unknown>> = value;
  return (
    Number.isSafeInteger(pid) && typeof startTicks === "string" && typeof pidNamespace === "string"
  );
}

function makePrivate(place: string, uid: number): void {
  try {
    mkdirSync(place, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if (!isPrivate(place, uid)) throw new Error("it is not a directory of this user alone");
}

function isPrivate(place: string, uid: number): boolean {
  const found = lstatSync(place);
  return found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0;
}

/** Removes the records of mounts that ended without a word, and are not to be seen any more. */
function removeStale(place: string, uid: number): void {
  const devices = new Set(readMounts().map(({ device }) => device));
  for (const { device, path, server } of recordsIn(place, uid)) {
    if (devices.has(device) || isRunning(server) !== false) continue;
    if (Date.now() - lstatSync(path).mtimeMs > ENDED_RECORD_MS) rmSync(path, { force: true });
  }
}

function flagsToShow(options: MountOptions): readonly string[] {
  const { busyPollMicros, dataThreads, endpointUrl, metadataTtl, profile, region } = options;
  const ttl = metadataTtl.kind === "seconds" ? metadataTtl.seconds : metadataTtl.kind;
  return [
    ...(endpointUrl === undefined ? [] : [`--endpoint-url=${endpointUrl}`]),
    ...(region === undefined ? [] : [`--region=${region}`]),
    ...(profile === undefined ? [] : [`--profile=${profile}`]),
    ...(options.noSignRequest ? ["--no-sign-request"] : []),
    ...(options.allowDelete ? ["--allow-delete"] : []),
    ...(options.allowOverwrite ? ["--allow-overwrite"] : []),
    ...(options.allowOther ? ["--allow-other"] : []),
    ...(options.allowRoot ? ["--allow-root"] : []),
    ...(options.autoUnmount ? ["--auto-unmount"] : []),
    ...(busyPollMicros === undefined ? [] : [`--busy-poll=${busyPollMicros}`]),
    ...(dataThreads === undefined ? [] : [`--data-threads=${dataThreads}`]),
    ...(options.fetchAhead ? [] : ["--no-fetch-ahead"]),
    ...(metadataTtl.kind === "minimal" ? [] : [`--metadata-ttl=${ttl}`]),
  ];
}
