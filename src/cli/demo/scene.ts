/** What every act of the demo works with. */

import type { BucketView } from "./bucket-view.ts";
import type { DataSet } from "./data-set.ts";
import type { MountChild } from "./mount-child.ts";
import type { SandboxChild } from "./sandbox-child.ts";
import type { Stage } from "./stage.ts";

export interface DemoScene {
  readonly stage: Stage;
  readonly bucket: string;
  /** The bucket as it is, past the mount. */
  readonly view: BucketView;
  readonly sandbox: SandboxChild;
  readonly mount: MountChild;
  readonly mountPoint: string;
  readonly logDirectory: string;
  readonly data: DataSet;
}
