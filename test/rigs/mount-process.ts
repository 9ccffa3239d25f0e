/**
 * The program itself, as a person runs it: `mount-s3-ts BUCKET DIR` in a process of its own. No test
 * mounts in its own process, because a process that reads the mount it serves waits for itself.
 */

import type { SpawnOptions } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { findMount } from "../../src/base/mountinfo.ts";
import type { Endpoint } from "./bucket-view.ts";
import { Child, type Exit, run } from "./child.ts";
import { processesSeeing } from "./namespaces.ts";
import { commandLine } from "./paths.ts";
import type { MountFlags } from "./rig.ts";

const EXIT_TIMEOUT_MS = 30_000;
/** How long containers that were started meanwhile may keep mounts of their own of what was mounted. */
const ELSEWHERE_TIMEOUT_MS = 120_000;
const ELSEWHERE_POLL_MS = 500;

export interface MountRequest {
  readonly endpoint: Endpoint;
  /** As the command line takes it: a name, or `s3://NAME/PREFIX/`. */
  readonly bucket: string;
  readonly directory: string;
  /** Flags, besides those that name the endpoint. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** An environment with nothing that could point at another account, region or endpoint. */
export function environmentFor(endpoint: Endpoint): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^AWS_|_PROXY$|^NODE_|^MOUNTPOINT_/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    AWS_ACCESS_KEY_ID: endpoint.accessKeyId,
    AWS_SECRET_ACCESS_KEY: endpoint.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
    // The system log of the machine is not for tests.
    MOUNT_S3_TS_SYSLOG: "/nonexistent/log",
  };
}

/** The arguments after `node`, for a mount of `request`. */
export function mountCommand(request: MountRequest): readonly string[] {
  return [
    commandLine,
    request.bucket,
    request.directory,
    `--endpoint-url=${request.endpoint.url}`,
    "--force-path-style",
    "--region=us-east-1",
    ...(request.args ?? []),
  ];
}

export function optionsFor(request: MountRequest): SpawnOptions {
  return { env: { ...environmentFor(request.endpoint), ...request.env } };
}

export function flagsToArgs(flags: MountFlags): readonly string[] {
  const octal = (mode: number): string => mode.toString(8);
  return [
    ...(flags.readOnly ? ["--read-only"] : []),
    ...(flags.allowDelete ? ["--allow-delete"] : []),
    ...(flags.allowOverwrite ? ["--allow-overwrite"] : []),
    ...(flags.incrementalUpload ? ["--incremental-upload"] : []),
    ...(flags.uid === undefined ? [] : [`--uid=${flags.uid}`]),
    ...(flags.gid === undefined ? [] : [`--gid=${flags.gid}`]),
    ...(flags.dirMode === undefined ? [] : [`--dir-mode=${octal(flags.dirMode)}`]),
    ...(flags.fileMode === undefined ? [] : [`--file-mode=${octal(flags.fileMode)}`]),
    ...(flags.fetchAhead === false ? ["--no-fetch-ahead"] : []),
    ...(flags.readPartBytes === undefined ? [] : [`--read-part-size=${flags.readPartBytes}`]),
    ...(flags.writePartBytes === undefined ? [] : [`--write-part-size=${flags.writePartBytes}`]),
    ...(flags.expectedBucketOwner === undefined
      ? []
      : [`--expected-bucket-owner=${flags.expectedBucketOwner}`]),
    ...(flags.requesterPays ? ["--requester-pays"] : []),
    ...(flags.inferContentType ? ["--infer-content-type"] : []),
    ...(flags.storageClass === undefined ? [] : [`--storage-class=${flags.storageClass}`]),
    ...(flags.sse === undefined ? [] : [`--sse=${flags.sse}`]),
    ...(flags.sseKmsKeyId === undefined ? [] : [`--sse-kms-key-id=${flags.sseKmsKeyId}`]),
    ...(flags.uploadChecksums === undefined ? [] : [`--upload-checksums=${flags.uploadChecksums}`]),
    ...(flags.uploadTimeoutSeconds === undefined
      ? []
      : [`--upload-timeout=${flags.uploadTimeoutSeconds}`]),
    ...(flags.memoryTargetMib === undefined ? [] : [`--memory-target=${flags.memoryTargetMib}`]),
    ...(flags.metadataTtl === undefined ? [] : [`--metadata-ttl=${flags.metadataTtl}`]),
    ...(flags.negativeMetadataTtl === undefined
      ? []
      : [`--negative-metadata-ttl=${flags.negativeMetadataTtl}`]),
  ];
}

export class MountProcess {
  readonly directory: string;
  readonly child: Child;

  private constructor(directory: string, child: Child) {
    this.directory = directory;
    this.child = child;
  }

  /** Mounts in the foreground; resolves when the program says that it is mounted. */
  static async start(request: MountRequest): Promise<MountProcess> {
    const child = new Child(
      process.execPath,
      [...mountCommand(request), "--foreground"],
      optionsFor(request),
    );
    await child.waitForOutput(/ is mounted at .*\n/);
    return new MountProcess(request.directory, child);
  }

  /** Unmounts from outside; resolves with how the program ended. */
  async unmount(): Promise<Exit> {
    const device = findMount(this.directory)?.device;
    const { code, stderr } = await run("umount", [this.directory]);
    if (code !== 0) throw new Error(`umount ${this.directory} failed: ${stderr}`);
    if (device !== undefined) await this.#unmountedElsewhere(device);
    return this.child.exitWithin(EXIT_TIMEOUT_MS);
  }

  /** Other tests make mount namespaces, and each keeps this mount alive until it is gone. */
  async #unmountedElsewhere(device: string): Promise<void> {
    const startMs = performance.now();
    for (;;) {
      const pause = delay(ELSEWHERE_POLL_MS, undefined, { ref: false });
      await Promise.race([this.child.exited, pause]);
      if (!this.child.running) return;
      const processes = processesSeeing(device);
      if (processes.length === 0) return;
      if (performance.now() - startMs > ELSEWHERE_TIMEOUT_MS) {
        await this.kill();
        throw new Error(`${this.directory} is still mounted for the processes ${processes}`);
      }
    }
  }

  /** Waits for the end that somebody else has begun; fails unless it is with `status`. */
  async ended(status = 0): Promise<void> {
    const exit = await this.child.exitWithin(EXIT_TIMEOUT_MS);
    if (exit.code !== status)
      throw new Error(this.child.describe(`ended with ${JSON.stringify(exit)}`));
  }

  /** Unmounts, and fails unless the program then ends by itself with 0. */
  async stop(): Promise<void> {
    await this.unmount();
    await this.ended();
  }

  /** SIGTERM, and fails unless the program then unmounts and ends with `status`. */
  async terminate(status = 0): Promise<void> {
    this.child.signal("SIGTERM");
    await this.ended(status);
  }

  /** Ends it the hard way, mount and all; for tests that expect no clean end. */
  async kill(): Promise<void> {
    this.child.signal("SIGKILL");
    await this.child.exited;
    await run("umount", ["-l", this.directory]);
  }
}
