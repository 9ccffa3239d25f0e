/** What is told about the main command: its help, and its page of the guide. */

import type { CommandPage } from "./guide/page.ts";
import { MOUNT_TABLE } from "./mount-table.ts";
import { withSupport } from "./not-yet-supported.ts";

export function mainPage(): CommandPage {
  return {
    name: "",
    summary: "Mount a bucket.",
    positionals: ["other", "directory"],
    table: withSupport(MOUNT_TABLE),
    help: {
      usage:
        "mount-s3-ts BUCKET DIRECTORY [options]\n       mount-s3-ts s3://BUCKET/PREFIX/ DIRECTORY [options]\n       mount-s3-ts COMMAND [options]",
      about:
        "Mounts an Amazon S3 bucket, or one of any S3-compatible server, as a directory. The command returns when the mount is ready, and a process in the background serves it until it is unmounted, with mount-s3-ts unmount DIRECTORY or any other program that does that.",
      sections: [
        {
          title: "Commands",
          lines: [
            ["exec BUCKET DIRECTORY", "Mount, run a command, and unmount after it: exec --help."],
            ["list", "List what is mounted: list --help."],
            ["unmount DIRECTORY", "Unmount, and wait until all is stored: unmount --help."],
            ["doctor [BUCKET]", "Tell whether and why a mount would fail: doctor --help."],
            ["sandbox", "Run an S3 endpoint on this machine, to try things out: sandbox --help."],
            [
              "bench BUCKET",
              "Measure a mount of the bucket, and say what to expect: bench --help.",
            ],
            ["demo", "Show everything in a minute, on a sandbox, checking every byte."],
            ["completion SHELL", "Print what bash, zsh or fish need to complete options."],
            ["s3://NAME", "A bucket that has the name of a command."],
          ],
        },
      ],
      examples: [
        ["mount-s3-ts my-bucket /mnt/data", "Mount a bucket for reading and for writing new files"],
        [
          "mount-s3-ts s3://my-bucket/logs/ /mnt/logs --read-only",
          "Mount what is below a prefix, read-only",
        ],
        [
          "mount-s3-ts my-bucket /mnt/data --endpoint-url http://127.0.0.1:9000 --force-path-style",
          "Mount a bucket of an S3-compatible server",
        ],
        [
          "mount-s3-ts my-bucket /mnt/data -f --allow-delete --allow-overwrite",
          "Stay in the foreground, and let files be deleted and replaced",
        ],
        ["mount-s3-ts unmount /mnt/data", "Unmount"],
      ],
    },
  };
}
