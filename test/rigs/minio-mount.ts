/** One MinIO, one bucket, one mount: where real programs work. */

import { join } from "node:path";
import { BucketView, clientOf } from "./bucket-view.ts";
import { MinioProcess } from "./minio-process.ts";
import { MountProcess } from "./mount-process.ts";
import { Scratch } from "./scratch.ts";

export class MinioMount {
  readonly scratch: Scratch;
  readonly bucket: BucketView;
  readonly #minio: MinioProcess;
  readonly #mount: MountProcess;

  private constructor(parts: {
    readonly scratch: Scratch;
    readonly bucket: BucketView;
    readonly minio: MinioProcess;
    readonly mount: MountProcess;
  }) {
    this.scratch = parts.scratch;
    this.bucket = parts.bucket;
    this.#minio = parts.minio;
    this.#mount = parts.mount;
  }

  /** `args`: flags of the mount, which allows everything when there are none. */
  static async start(
    args: readonly string[] = ["--allow-delete", "--allow-overwrite"],
  ): Promise<MinioMount> {
    const scratch = new Scratch();
    const minio = await MinioProcess.start(scratch);
    const bucket = new BucketView(clientOf(minio.endpoint), "programs");
    await bucket.create();
    const mount = await MountProcess.start({
      endpoint: minio.endpoint,
      bucket: bucket.name,
      directory: scratch.makeDirectory("mount"),
      args,
    });
    return new MinioMount({ scratch, bucket, minio, mount });
  }

  get directory(): string {
    return this.#mount.directory;
  }

  path(relative: string): string {
    return join(this.directory, relative);
  }

  /** What the mount has logged. */
  log(): string {
    return this.#mount.child.stdout;
  }

  async close(): Promise<void> {
    try {
      await this.#mount.stop();
      const uploads = await this.bucket.uploads();
      if (uploads.length > 0) throw new Error(`uploads left behind: ${uploads.join(", ")}`);
    } finally {
      await this.#minio.stop();
      await this.scratch.close();
    }
  }
}
