/**
 * The rig of real mounts: the program over a server, one process per set of flags. Which server it is
 * and what it can do is the caller's business.
 */

import { chmodSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "../../src/sandbox/index.ts";
import { BucketView, clientOf, type Endpoint } from "./bucket-view.ts";
import { KernelTree } from "./kernel-tree.ts";
import { flagsToArgs, MountProcess } from "./mount-process.ts";
import type { ArmedFault, LoggedRequest, Mounted, MountFlags, Rig, World } from "./rig.ts";
import { FOR_OTHERS } from "./root.ts";
import { SandboxProcess } from "./sandbox-process.ts";
import { Scratch } from "./scratch.ts";

/** A server that a rig may mount from. */
export interface Server {
  readonly endpoint: Endpoint;
  /** Present where the server keeps a log. */
  requests?(): Promise<readonly LoggedRequest[]>;
  /** Present where the server fails on demand. */
  addFault?(fault: Fault): Promise<ArmedFault>;
  stop(): Promise<void>;
}

export class KernelRig implements Rig {
  readonly #scratch: Scratch;
  readonly #server: Server;
  readonly #bucket: BucketView;
  readonly #args: readonly string[];

  private constructor(
    scratch: Scratch,
    server: Server,
    more: { readonly bucket: BucketView; readonly args: readonly string[] },
  ) {
    this.#scratch = scratch;
    this.#server = server;
    this.#bucket = more.bucket;
    this.#args = more.args;
  }

  /** Takes over `scratch` and `server`: both are closed with the rig. `args` go to every mount, of the bucket `existing` if given. */
  static async start(
    scratch: Scratch,
    server: Server,
    args: readonly string[] = [],
    existing?: string,
  ): Promise<KernelRig> {
    const bucket = new BucketView(clientOf(server.endpoint), existing ?? "test-bucket");
    if (existing === undefined) await bucket.create();
    // For the scenarios in which other users come to the mount.
    chmodSync(scratch.directory, 0o711);
    return new KernelRig(scratch, server, { bucket, args });
  }

  /** As `start`, over an embedded endpoint of its own. */
  static async overSandbox(args: readonly string[] = [], bucket?: string): Promise<KernelRig> {
    const sandbox = await SandboxProcess.start(bucket === undefined ? {} : { buckets: [bucket] });
    return KernelRig.start(new Scratch(), sandbox, args, bucket);
  }

  async mount(flags: MountFlags): Promise<Mounted> {
    const directory = this.#scratch.makeDirectory("mount");
    // A prefix of its own, so that no mount sees what another one did.
    const bucket = this.#bucket.below(`${directory.split("/").at(-1)}/`);
    const mount = await MountProcess.start({
      endpoint: this.#server.endpoint,
      bucket: `s3://${bucket.name}/${bucket.prefix}`,
      directory,
      args: [...flagsToArgs(flags), ...FOR_OTHERS, ...this.#args],
      ...(flags.maxAttempts === undefined
        ? {}
        : { env: { AWS_MAX_ATTEMPTS: String(flags.maxAttempts) } }),
    });
    return new KernelMounted(mount, bucket, this.#server);
  }

  async close(): Promise<void> {
    try {
      await this.#server.stop();
    } finally {
      await this.#scratch.close();
    }
  }
}

class KernelMounted implements Mounted {
  readonly #mount: MountProcess;
  readonly #bucket: BucketView;
  readonly #server: Server;

  constructor(mount: MountProcess, bucket: BucketView, server: Server) {
    this.#mount = mount;
    this.#bucket = bucket;
    this.#server = server;
  }

  async world(name: string): Promise<World> {
    await this.#bucket.put(`${name}/`, "");
    const root = join(this.#mount.directory, name);
    const server = this.#server;
    const bucket = this.#bucket.below(`${name}/`);
    return {
      tree: new KernelTree(root),
      bucket,
      path: (relative) => join(root, relative),
      async requests() {
        if (server.requests === undefined) throw new Error("this server keeps no log");
        const all = await server.requests();
        return all.filter(({ key }) => key.startsWith(bucket.prefix));
      },
      async fail(fault) {
        if (server.addFault === undefined) throw new Error("this server does not fail on demand");
        return server.addFault({ ...fault, key: bucket.prefix + fault.key });
      },
      log: () => this.#mount.child.stdout,
      end: (status) => this.#mount.terminate(status),
      ended: (status) => this.#mount.ended(status),
    };
  }

  async close(): Promise<void> {
    if (this.#mount.child.running) await this.#mount.stop();
    const uploads = await this.#bucket.uploads();
    if (uploads.length > 0) throw new Error(`uploads left behind: ${uploads.join(", ")}`);
  }
}
