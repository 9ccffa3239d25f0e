/** Command lines of mount-s3, from its users and its documentation, mean here what they mean there. */

import { describe, expect, test } from "vitest";
import { parseCommand } from "../../src/cli/command.ts";
import { MOUNT_TABLE } from "../../src/cli/mount-table.ts";

const INVOKER = { workingDirectory: "/work", uid: 1000, gid: 1001 };

test.each([
  [
    "mount-s3 --region us-west-2 platform-us-west-2-dev-triton-model-repo /opt/model/",
    {
      options: {
        region: "us-west-2",
        bucket: "platform-us-west-2-dev-triton-model-repo",
        directory: "/opt/model",
      },
    },
  ],
  ["mount-s3 bucket dir", { foreground: false, options: { prefix: "", readOnly: false } }],
  ["mount-s3 s3://bucket/a/b/ dir", { options: { bucket: "bucket", prefix: "a/b/" } }],
  ["mount-s3 -f bucket dir", { foreground: true }],
  ["mount-s3 -fd bucket dir", { foreground: true, log: { debug: true } }],
  ["mount-s3 -dl logs bucket dir", { log: { debug: true, logDirectory: "/work/logs" } }],
  ["mount-s3 -llogs bucket dir", { log: { logDirectory: "/work/logs" } }],
  ["mount-s3 -l=logs bucket dir", { log: { logDirectory: "/work/logs" } }],
  ["mount-s3 --prefix=a/ bucket dir", { options: { prefix: "a/" } }],
  ["mount-s3 --prefix=a=b/ bucket dir", { options: { prefix: "a=b/" } }],
  ["mount-s3 bucket --prefix a/ dir --debug-crt", { log: { debugCrt: true } }],
  ["mount-s3 -- bucket dir", { options: { bucket: "bucket" } }],
  ["mount-s3 --read-only -- bucket -dir", { options: { directory: "/work/-dir", readOnly: true } }],
  ["mount-s3 bucket /dev/fd/3 --foreground --allow-root", { options: { deviceFd: 3 } }],
  [
    "mount-s3 --allow-delete --allow-overwrite --prefix a/ --part-size=16777216 bucket dir",
    {
      options: {
        allowDelete: true,
        allowOverwrite: true,
        prefix: "a/",
        readPartBytes: 16_777_216,
        writePartBytes: 16_777_216,
      },
    },
  ],
  ["mount-s3 bucket dir --memory-target=512", { options: { memoryTargetBytes: 536_870_912 } }],
  [
    "mount-s3 bucket dir --uid 1 --gid 4294967295 --dir-mode 0 --file-mode 0777",
    { options: { uid: 1, gid: 4_294_967_295, dirMode: 0, fileMode: 0o777 } },
  ],
  [
    "mount-s3 bucket dir --metadata-ttl indefinite --max-threads 64",
    { options: { metadataTtl: { kind: "indefinite" } } },
  ],
  ["mount-s3 bucket dir --no-sign-request --no-log", { log: { noLog: true } }],
  [
    "mount-s3 bucket dir -o region=us-east-1,ro,_netdev,nosuid,nodev,uid=1000,allow-other",
    { options: { region: "us-east-1", readOnly: true, uid: 1000, allowOther: true } },
  ],
  ["mount-s3 bucket dir -o prefix=a\\,b/", { options: { prefix: "a,b/" } }],
  ["mount-s3 name-a1b2c3-s3alias dir", { options: { bucket: "name-a1b2c3-s3alias" } }],
])("%s", (line, expected) => {
  const [, ...args] = line.split(" ");
  expect(parseCommand(args, INVOKER)).toMatchObject({ kind: "mount", ...expected });
});

/** Each flag of mount-s3 1.24 with a value that it takes. */
const FLAGS = [
  ...["--allow-delete", "--allow-other", "--allow-overwrite", "--allow-root", "--auto-unmount"],
  ...["--bind=eth0", "--bucket-type=directory", "--ca-bundle=ca.pem", "--cache=/c"],
  ...["--cache-block-size=512", "--cache-xz=b--use1-az4--x-s3", "--debug", "--debug-crt"],
  ...["--dir-mode=0700", "--dual-stack", "--endpoint-url=https://host", "--file-mode=600"],
  ...["--expected-bucket-owner=123456789012", "--force-path-style", "--foreground", "--gid=1"],
  ...["--help", "--incremental-upload", "--infer-content-type", "--log-directory=/l"],
  ...["--log-metrics", "--max-cache-size=0", "--max-threads=1", "--maximum-throughput-gbps=100"],
  ...["--memory-target=512", "--metadata-ttl=1", "--negative-metadata-ttl=minimal", "--no-log"],
  ...["--no-sign-request", "--otlp-endpoint=http://host:4318", "--otlp-export-interval=1"],
  ...["--part-size=5242880", "--prefix=a/", "--profile=p", "--read-only", "--region=r"],
  ...["--read-part-size=5242880", "--requester-pays", "--sse=aws:kms:dsse", "--uid=1"],
  ...["--sse-kms-key-id=arn:aws:kms:r:1:key/x", "--storage-class=GLACIER_IR"],
  ...["--transfer-acceleration", "--upload-checksums=crc64nvme", "--user-agent-prefix=x"],
  ...["--version", "--write-part-size=5242880"],
];
/** What some of them are nothing without. */
const COMPANIONS: Readonly<Record<string, string>> = {
  "--max-cache-size=0": "--cache=/c",
  "--otlp-export-interval=1": "--otlp-endpoint=http://host",
  "--sse-kms-key-id=arn:aws:kms:r:1:key/x": "--sse=aws:kms",
};

describe("each flag of mount-s3", () => {
  test.each(FLAGS)("%s is understood, or refused as not yet supported", (flag) => {
    const companion = COMPANIONS[flag];
    const args = ["bucket", "dir", flag, ...(companion === undefined ? [] : [companion])];
    try {
      expect(["mount", "help", "version"]).toContain(parseCommand(args, INVOKER).kind);
    } catch (error) {
      expect(String(error)).toContain("not yet supported");
    }
  });

  test("is here, and what is more is ours", () => {
    const theirs = new Set(FLAGS.map((flag) => flag.replace(/^--([^=]+).*$/, "$1")));
    const ours = Object.keys(MOUNT_TABLE).filter((name) => !theirs.has(name));
    expect(new Set(ours)).toEqual(
      new Set([
        "busy-poll",
        "data-threads",
        "fuse-backend",
        "log-format",
        "no-fetch-ahead",
        "noexec",
        "options",
        "pid-file",
        "upload-timeout",
      ]),
    );
  });
});
