/** The chapters of the guide that no table of options can tell. Written once, rendered as roff and Markdown. */

import { VARIABLES } from "./environment.ts";

/** A paragraph, lines of a file or a shell, or terms with what each means. */
export type Block =
  | string
  | { readonly lines: readonly string[] }
  | { readonly terms: readonly (readonly [term: string, what: string])[] };

export interface Chapter {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export const CHAPTERS: readonly Chapter[] = [
  {
    title: "Buckets",
    blocks: [
      {
        terms: [
          ["NAME", "A bucket, or the alias of an access point."],
          ["s3://NAME/PREFIX/", "What is below a prefix of a bucket; so says --prefix too."],
          [
            "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME",
            "An access point. Services s3-object-lambda and s3-outposts (outpost/ID/accesspoint/NAME) have them too; the ARN of a multi-region access point names no region.",
          ],
        ],
      },
      "A command is recognised as the first word only. A bucket that has the name of a command is written s3://NAME.",
    ],
  },
  {
    title: "Lists of options",
    blocks: [
      "-o takes options as /etc/fstab writes them: those above without their dashes, with a value behind = or a space, divided by commas. A backslash stands before a comma, a backslash or a quotation mark that is meant. ro stands for --read-only; foreground is refused. It may be repeated, and mixed with other options.",
      "What mount(8) and systemd say to themselves is ignored (auto, noauto, user, users, nouser, group, owner, _netdev, nofail, defaults, comment=..., x-...), and so is what holds anyway (rw, exec, async, atime, noatime, diratime, nodiratime, relatime, nodev, nosuid) or never (dev, suid).",
    ],
  },
  {
    title: "mount(8) and /etc/fstab",
    blocks: [
      "Under the name mount.mount-s3-ts the program is a helper of mount(8), which looks for helpers in /sbin:",
      {
        lines: [
          `ln -s "$(command -v mount.mount-s3-ts)" /usr/sbin/mount.mount-s3-ts`,
          "mount -t mount-s3-ts my-bucket /mnt/data -o region=eu-west-1,allow-other",
        ],
      },
      "And a line of /etc/fstab:",
      {
        lines: [
          "s3://my-bucket/logs/  /mnt/logs  mount-s3-ts  _netdev,nofail,ro,region=eu-west-1,allow-other  0 0",
        ],
      },
      "mount(8) starts helpers without PATH and HOME. Where node is in neither /usr/bin nor /bin, put a script in the place of the link:",
      {
        lines: ["#!/bin/sh", `PATH=/usr/local/bin:/usr/bin:/bin exec mount.mount-s3-ts "$@"`],
      },
      "Keys come from the instance or container, or from the .aws directory of root; variables can be set for the unit that systemd makes of the line (systemctl edit mnt-logs.mount). Of the flags of mount(8), -f does everything but mount, -s ignores options that are not known, and -n and -v change nothing.",
    ],
  },
  {
    title: "Kubernetes",
    blocks: [
      "The mountOptions of a PersistentVolume are understood as the CSI driver of mount-s3 understands them: each entry is one option, with or without dashes, its value behind the first space or =.",
      { lines: ["mountOptions:", "  - allow-delete", "  - region ap-northeast-2", "  - uid=1000"] },
      `On the command line each entry is written behind an -o of its own: -o "region ap-northeast-2" -o uid=1000. A list of several has no dashes.`,
    ],
  },
  {
    title: "Environment",
    blocks: [{ terms: VARIABLES.map(({ names, meaning }) => [names.join(", "), meaning]) }],
  },
  {
    title: "Exit status",
    blocks: [
      {
        terms: [
          ["0", "It worked."],
          ["1", "It did not. The message on standard error names the value and the remedy."],
          ["2", "The command line is wrong."],
        ],
      },
    ],
  },
  {
    title: "Signals",
    blocks: [
      {
        terms: [
          [
            "SIGINT, SIGTERM, SIGHUP",
            "Complete uploads for as long as --upload-timeout says, unmount and end; a second one ends the waiting.",
          ],
          ["SIGUSR2", "Log more, step by step up to everything, then as in the beginning again."],
        ],
      },
    ],
  },
  {
    title: "Files",
    blocks: [
      {
        terms: [
          [
            "/etc/fuse.conf",
            "Has a line user_allow_other where others than root may use --allow-other and --allow-root.",
          ],
          ["~/.aws/config, ~/.aws/credentials", "Profiles, as all tools of AWS read them."],
        ],
      },
    ],
  },
];
