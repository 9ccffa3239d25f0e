import { describe, expect, test } from "vitest";
import { type Command, parseCommand } from "../../src/cli/command.ts";
import { CliError } from "../../src/cli/error.ts";
import type { MountCommand } from "../../src/cli/mount-command.ts";

const INVOKER = { workingDirectory: "/work", uid: 1000, gid: 1001 };

function parse(...args: string[]): Command {
  return parseCommand(args, INVOKER);
}

function parseMount(...args: string[]): MountCommand {
  const command = parse(...args);
  if (command.kind !== "mount") throw new Error(`parsed as ${command.kind}`);
  return command;
}

/** The message of the usage error that `args` end in. */
function usageError(...args: string[]): string {
  try {
    parse(...args);
  } catch (error) {
    if (error instanceof CliError && error.kind === "usage") return error.message;
    throw error;
  }
  throw new Error(`accepted: ${args.join(" ")}`);
}

describe("a mount at a descriptor", () => {
  test("knows its number", () => {
    const { options } = parseMount("bucket", "/dev/fd/12");
    expect(options).toMatchObject({ deviceFd: 12, directory: "/dev/fd/12" });
  });

  test.each(["--read-only", "--noexec", "--auto-unmount"])(
    "leaves %s to whoever mounted",
    (flag) => {
      expect(usageError("bucket", "/dev/fd/3", flag)).toContain(
        `${flag} cannot be used with /dev/fd/3`,
      );
    },
  );
});

describe("a mount", () => {
  test("needs no more than a bucket and a directory", () => {
    expect(parseMount("bucket", "dir")).toEqual({
      kind: "mount",
      foreground: false,
      pidFile: undefined,
      log: {
        debug: false,
        debugCrt: false,
        logFormat: "text",
        logMetrics: false,
        noLog: false,
        logDirectory: undefined,
      },
      warnings: [],
      options: {
        bucket: "bucket",
        bucketType: undefined,
        prefix: "",
        directory: "/work/dir",
        deviceFd: undefined,
        region: undefined,
        endpointUrl: undefined,
        forcePathStyle: false,
        transferAcceleration: false,
        dualStack: false,
        requesterPays: false,
        expectedBucketOwner: undefined,
        profile: undefined,
        noSignRequest: false,
        caBundle: undefined,
        userAgentPrefix: undefined,
        storageClass: undefined,
        sse: undefined,
        sseKmsKeyId: undefined,
        uploadChecksums: "crc32c",
        inferContentType: false,
        readOnly: false,
        noExec: false,
        allowDelete: false,
        allowOverwrite: false,
        incrementalUpload: false,
        allowOther: false,
        allowRoot: false,
        autoUnmount: false,
        uid: 1000,
        gid: 1001,
        dirMode: 0o755,
        fileMode: 0o644,
        readPartBytes: 8_388_608,
        writePartBytes: 8_388_608,
        memoryTargetBytes: undefined,
        busyPollMicros: undefined,
        maximumThroughputGbps: undefined,
        metadataTtl: { kind: "minimal" },
        negativeMetadataTtl: { kind: "minimal" },
        fetchAhead: true,
        fuseBackend: "native",
        uploadTimeoutMs: 60_000,
      },
    });
  });

  test("takes every flag", () => {
    const command = parseMount(
      ...[
        "-f",
        "-d",
        "-l",
        "logs",
        "--endpoint-url",
        "http://127.0.0.1:9000",
        "--force-path-style",
      ],
      ...["--region", "eu-west-1", "--prefix", "a/b/", "--profile", "p", "--no-sign-request"],
      ...["--read-only", "--allow-delete", "--allow-overwrite", "--allow-other", "--auto-unmount"],
      ...["--uid", "7", "--gid=8", "--dir-mode", "0700", "--file-mode", "600"],
      ...["--read-part-size", "5242880", "--write-part-size", "5368709120"],
      ...["--memory-target", "512", "--metadata-ttl", "60", "--max-threads", "16"],
      ...["--upload-timeout", "0", "bucket", "/mnt/x"],
    );
    expect(command).toMatchObject({
      foreground: true,
      log: { debug: true, noLog: false, logDirectory: "/work/logs" },
      options: {
        bucket: "bucket",
        directory: "/mnt/x",
        prefix: "a/b/",
        region: "eu-west-1",
        endpointUrl: "http://127.0.0.1:9000",
        forcePathStyle: true,
        profile: "p",
        noSignRequest: true,
        readOnly: true,
        allowDelete: true,
        allowOverwrite: true,
        allowOther: true,
        allowRoot: false,
        autoUnmount: true,
        uid: 7,
        gid: 8,
        dirMode: 0o700,
        fileMode: 0o600,
        readPartBytes: 5_242_880,
        writePartBytes: 5_368_709_120,
        memoryTargetBytes: 536_870_912,
        metadataTtl: { kind: "seconds", seconds: 60 },
        negativeMetadataTtl: { kind: "seconds", seconds: 60 },
        uploadTimeoutMs: 0,
      },
    });
  });

  test("takes flags before, between and after the two words", () => {
    expect(parseMount("--read-only", "bucket", "-fd", "dir", "--allow-delete")).toMatchObject({
      foreground: true,
      log: { debug: true },
      options: { bucket: "bucket", directory: "/work/dir", readOnly: true, allowDelete: true },
    });
  });

  test("takes words after -- as they are", () => {
    expect(parseMount("-f", "--", "bucket", "-dir").options.directory).toBe("/work/-dir");
  });

  test("gives --part-size to reading and writing", () => {
    expect(parseMount("bucket", "dir", "--part-size", "16777216").options).toMatchObject({
      readPartBytes: 16_777_216,
      writePartBytes: 16_777_216,
    });
  });

  test.each([
    ["s3://bucket", "bucket", ""],
    ["s3://bucket/", "bucket", ""],
    ["s3://bucket/a/b c/", "bucket", "a/b c/"],
    ["s3://list/a/", "list", "a/"],
    ["My_Old.Bucket".replace("_", "-"), "My-Old.Bucket", ""],
  ])("understands the bucket %s", (argument, bucket, prefix) => {
    expect(parseMount(argument, "dir").options).toMatchObject({ bucket, prefix });
  });

  test("takes an empty prefix for the whole bucket, and signs in numbers, as mount-s3 does", () => {
    const { options } = parseMount(
      "bucket",
      "dir",
      "--prefix",
      "",
      "--uid=+5",
      "--dir-mode",
      "+700",
    );
    expect(options).toMatchObject({ prefix: "", uid: 5, dirMode: 0o700 });
  });

  test.each([
    ["minimal", { kind: "minimal" }],
    ["indefinite", { kind: "indefinite" }],
    ["1", { kind: "seconds", seconds: 1 }],
    ["3153600000", { kind: "seconds", seconds: 3_153_600_000 }],
  ])("understands the time to live %s", (text, expected) => {
    expect(parseMount("bucket", "dir", "--metadata-ttl", text).options.metadataTtl).toEqual(
      expected,
    );
  });

  test("takes a time to live of 0 for minimal, and says so", () => {
    const command = parseMount("bucket", "dir", "--metadata-ttl", "0");
    expect(command.options.metadataTtl).toEqual({ kind: "minimal" });
    expect(command.warnings).toEqual([expect.stringContaining("--metadata-ttl 0")]);
  });
});

describe("commands", () => {
  test("are recognised as the first word only", () => {
    expect(parse("sandbox").kind).toBe("sandbox");
    expect(parseMount("-f", "sandbox", "dir").options.bucket).toBe("sandbox");
    expect(parseMount("--read-only", "list", "dir").options.bucket).toBe("list");
  });

  test("give way to buckets of their name written as s3://", () => {
    expect(parseMount("s3://sandbox", "dir").options.bucket).toBe("sandbox");
  });

  test.each(["sandbox", "demo"])("tell who meant the bucket %s how to write it", (word) => {
    expect(usageError(word, "/mnt/x")).toContain(`mount-s3-ts s3://${word} DIRECTORY`);
  });

  test("ask for help and version wherever the flag stands", () => {
    expect(parse("--help").kind).toBe("help");
    expect(parse("bucket", "-h").kind).toBe("help");
    expect(parse("bucket", "dir", "-V").kind).toBe("version");
    expect(parse("sandbox", "--help").kind).toBe("help");
  });

  test("show their help", () => {
    expect(parse("--help")).toMatchSnapshot();
    expect(parse("sandbox", "--help")).toMatchSnapshot();
  });

  test("run a sandbox as told", () => {
    expect(
      parse("sandbox", "--port", "9000", "--bucket", "one", "--bucket=two", "--directory", "d"),
    ).toEqual({
      kind: "sandbox",
      options: {
        port: 9000,
        buckets: ["one", "two"],
        directory: "/work/d",
        anonymous: false,
        latencyMs: 0,
        bytesPerSecond: undefined,
        sessionMs: undefined,
        discard: false,
      },
    });
    expect(parse("sandbox", "--session-seconds", "5")).toMatchObject({
      options: { sessionMs: 5000 },
    });
  });
});

describe("a mistake in the command line is told in one sentence that names it", () => {
  const OK = ["bucket", "dir"];

  test.each([
    ["nothing", [], "no bucket and no directory were given"],
    ["no directory", ["bucket"], 'no directory to mount "bucket" at was given'],
    ["an empty directory", ["bucket", ""], "the directory to mount at is empty"],
    ["three words", ["bucket", "dir", "more"], '"more" is one word too many'],
    [
      "bucket and directory swapped",
      ["/mnt/x", "bucket"],
      '"/mnt/x" is not a bucket name but looks like a path: the bucket comes first',
    ],
    ["a short bucket name", ["ab", "dir"], '"ab" is not a bucket name: it has 2 characters'],
    [
      "a long bucket name",
      ["b".repeat(256), "dir"],
      "it has 256 characters, and names have 3 to 255",
    ],
    ["odd characters in the bucket name", ["buck et", "dir"], '"buck et" is not a bucket name'],
    [
      "an ARN in a URI",
      ["s3://arn:aws:s3:us-east-1:123456789012:accesspoint/a/", "dir"],
      "an ARN is not allowed in an S3 URI",
    ],
    ["an ARN of nothing", ["arn:aws:s3", "dir"], '"" is not what follows the account'],
    [
      "an ARN of another service",
      ["arn:aws:iam::123456789012:role/x", "dir"],
      'its service, "iam", is not s3',
    ],
    [
      "an ARN of a bucket",
      ["arn:aws:s3:::bucket", "dir"],
      '"bucket" is not what follows the account: write accesspoint/NAME',
    ],
    [
      "an ARN with another account",
      ["arn:aws:s3:us-east-1:1:accesspoint/a", "dir"],
      'its account, "1", is not a number of 12 digits',
    ],
    [
      "an ARN without a region",
      ["arn:aws:s3::123456789012:accesspoint/a", "dir"],
      'its region is ""',
    ],
    [
      "an ARN of many regions with one",
      ["arn:aws:s3:us-east-1:123456789012:accesspoint/a.mrap", "dir"],
      "a multi-region one has no region",
    ],
    [
      "an ARN of an outpost without an access point",
      ["arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-1/bucket/b", "dir"],
      "write outpost/OUTPOST/accesspoint/NAME",
    ],
    ["a URI without a bucket", ["s3://", "dir"], '"" is not a bucket name'],
    ["a URI prefix without a slash", ["s3://bucket/a", "dir"], "write s3://bucket/a/"],
    [
      "a prefix besides a URI",
      ["s3://bucket", "dir", "--prefix", "a/"],
      '--prefix "a/" is not allowed with an S3 URI',
    ],
    ["an unknown flag", [...OK, "--bogus"], 'unknown option --bogus: "mount-s3-ts --help" lists'],
    ["a flag misspelt", [...OK, "--alow-delete"], "did you mean --allow-delete?"],
    ["an unknown letter", [...OK, "-fx"], "unknown option -x"],
    ["a flag of the prototype", [...OK, "--__proto__"], "unknown option --__proto__"],
    [
      "a flag without its value",
      [...OK, "--prefix"],
      "option --prefix needs a value, but the command line ends: write --prefix PREFIX",
    ],
    [
      "a flag where a value belongs",
      ["--prefix", "--read-only", ...OK],
      'option --prefix needs a value, but "--read-only" follows',
    ],
    [
      "a value for a switch",
      [...OK, "--read-only=yes"],
      'option --read-only takes no value, but got "yes"',
    ],
    ["a flag twice", [...OK, "--uid", "1", "--uid", "2"], "option --uid was given twice"],
    [
      "a prefix without a slash",
      [...OK, "--prefix", "a"],
      '--prefix "a" is refused: a prefix must end with "/": write a/',
    ],
    [
      "an endpoint without a scheme",
      [...OK, "--endpoint-url", "127.0.0.1:9000"],
      "it must be a URL such as",
    ],
    [
      "an endpoint of another scheme",
      [...OK, "--endpoint-url", "ftp://host"],
      "it must be a URL such as",
    ],
    ["an endpoint with a user", [...OK, "--endpoint-url", "http://a:b@host"], "without user name"],
    ["an empty region", [...OK, "--region", ""], '--region "" is refused: it is empty'],
    ["uid 0", [...OK, "--uid", "0"], '--uid "0" is refused: it must be a whole number, from 1'],
    ["a negative uid", [...OK, "--uid=-1"], '--uid "-1" is refused'],
    ["a uid that is too large", [...OK, "--uid", "4294967296"], "from 1 to 4294967295"],
    ["a group by name", [...OK, "--gid", "staff"], '--gid "staff" is refused'],
    [
      "a mode that is not octal",
      [...OK, "--dir-mode", "0788"],
      '--dir-mode "0788" is refused: it must be a valid octal number',
    ],
    [
      "a mode with more than permissions",
      [...OK, "--file-mode", "1777"],
      "only user/group/other permissions are supported",
    ],
    ["a part that is too small", [...OK, "--part-size", "5242879"], "from 5 MiB to 5 GiB"],
    ["a part that is too large", [...OK, "--read-part-size", "5368709121"], "from 5 MiB to 5 GiB"],
    [
      "a part size with a suffix",
      [...OK, "--write-part-size", "8M"],
      "a part size is a number of bytes: write 8388608",
    ],
    ["a part size in words", [...OK, "--part-size", "eight"], '--part-size "eight" is refused'],
    ["a negative part size", [...OK, "--part-size=-8388608"], "from 5 MiB to 5 GiB"],
    ["too little memory", [...OK, "--memory-target", "511"], "at least 512"],
    ["no threads", [...OK, "--max-threads", "0"], "at least 1"],
    ["a time to live in words", [...OK, "--metadata-ttl", "soon"], '"minimal" or "indefinite"'],
    ["a time to live of ages", [...OK, "--metadata-ttl", "3153600001"], "3153600000 at most"],
    ["an upload time-out of ages", [...OK, "--upload-timeout", "86401"], "from 0 to 86400"],
    ["a kind of bucket", [...OK, "--bucket-type", "table"], "one of general-purpose, directory"],
    ["an encryption", [...OK, "--sse", "aes256"], "one of aws:kms, aws:kms:dsse, AES256"],
    ["a key's alias", [...OK, "--sse-kms-key-id", "alias/x"], "it must be the ARN of a key"],
    [
      "a key without encryption",
      [...OK, "--sse-kms-key-id", "arn:aws:kms:r:1:key/x"],
      "--sse-kms-key-id means nothing without --sse: add --sse ALGORITHM",
    ],
    [
      "a key for an encryption without",
      [...OK, "--sse-kms-key-id", "arn:aws:kms:r:1:key/x", "--sse", "AES256"],
      "cannot be used with --sse AES256",
    ],
    ["a checksum", [...OK, "--upload-checksums", "md5"], "one of crc32c, crc64nvme, off"],
    ["no throughput", [...OK, "--maximum-throughput-gbps", "0"], "at least 1"],
    ["a limit of no cache", [...OK, "--max-cache-size", "1"], "add --cache DIR"],
    [
      "a path for a bucket",
      [...OK, "--cache-xz", "a/b"],
      '--cache-xz "a/b" is refused: names have',
    ],
    [
      "a collector without a scheme",
      [...OK, "--otlp-endpoint", "host"],
      "it must be a URL such as",
    ],
    [
      "an interval of no collector",
      [...OK, "--otlp-export-interval", "5"],
      "add --otlp-endpoint URL",
    ],
    ["lines in a header", [...OK, "--user-agent-prefix", "a\r\nb"], "which takes ASCII only"],
    ["a backend", [...OK, "--fuse-backend", "libfuse"], "one of native, fuse-native"],
    ["a format", [...OK, "--log-format", "xml"], "one of text, json"],
    ["a port that is none", ["sandbox", "--port", "65536"], "from 0 to 65535"],
  ])("%s", (_, args, expected) => {
    const message = usageError(...args);
    expect(message).toContain(expected);
    expect(message).not.toContain("\n");
  });

  test.each([
    ["--allow-other", "--allow-root"],
    ["--part-size=8388608", "--read-part-size=8388608"],
    ["--part-size=8388608", "--write-part-size=8388608"],
    ["--no-log", "--debug"],
    ["--no-log", "--debug-crt"],
    ["--no-log", "--log-metrics"],
    ["--no-log", "--log-directory=/tmp"],
  ])("%s with %s, in either order", (one, other) => {
    const expected = /^--[\w-]+ cannot be used with --[\w-]+: remove one of them$/;
    expect(usageError(...OK, one, other)).toMatch(expected);
    expect(usageError(...OK, other, one)).toMatch(expected);
  });
});
