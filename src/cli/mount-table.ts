/** The options of the main command, `mount-s3-ts BUCKET DIRECTORY`: names and rules as mount-s3 has them. */

import { argumentsOfList } from "./mount-option-list.ts";
import type { OptionTable, OptionValues } from "./option.ts";
import {
  bucketName,
  choice,
  endpointUrl,
  groupId,
  headerText,
  kmsKeyArn,
  metadataTtl,
  mode,
  partSize,
  prefix,
  text,
  userId,
  wholeNumber,
} from "./option-values.ts";

/** How the command is written, for messages. */
export const USAGE = "mount-s3-ts BUCKET DIRECTORY [options]";

const BUCKET = "Bucket";
const CREDENTIALS = "Credentials and connection";
const MOUNT = "Mount";
const PERMISSIONS = "What appears";
const UPLOADS = "New objects";
const PERFORMANCE = "Performance";
const CACHE = "Cache";
const LOGGING = "Logging";
const MORE = "More";

/** The least that the arena and Node itself need to be useful; mount-s3's limit too. */
const MEMORY_TARGET_MIB_MIN = 512;

export const MOUNT_TABLE = {
  "endpoint-url": {
    group: BUCKET,
    help: "URL of the S3 endpoint, for S3-compatible servers. AWS_ENDPOINT_URL does the same.",
    placeholder: "URL",
    value: endpointUrl,
    default: "Amazon S3",
  },
  "force-path-style": {
    group: BUCKET,
    help: "Address the bucket in the path (http://host/bucket/key) instead of the host name.",
  },
  region: {
    group: BUCKET,
    help: "Region of the bucket.",
    placeholder: "REGION",
    value: text,
    default: "AWS_REGION, the profile's, that of this EC2 instance, then what S3 says",
  },
  prefix: {
    group: BUCKET,
    help: "Mount only the keys below this prefix, which ends with a slash.",
    placeholder: "PREFIX",
    value: prefix,
  },
  "transfer-acceleration": {
    group: BUCKET,
    help: "Use S3 Transfer Acceleration, which must be enabled for the bucket.",
  },
  "dual-stack": { group: BUCKET, help: "Use endpoints that have IPv6 addresses too." },
  "bucket-type": {
    group: BUCKET,
    help: "general-purpose, or directory for S3 Express One Zone.",
    placeholder: "TYPE",
    ...choice("general-purpose", "directory"),
    default: "what the bucket's name says",
  },
  "requester-pays": { group: BUCKET, help: "Agree to pay for requests and transfer." },
  "expected-bucket-owner": {
    group: BUCKET,
    help: "Account that must own the bucket: S3 refuses all requests if another does.",
    placeholder: "ACCOUNT",
    value: headerText,
  },
  profile: {
    group: CREDENTIALS,
    help: "Take credentials only from this profile of the AWS configuration files.",
    placeholder: "PROFILE",
    value: text,
  },
  "no-sign-request": {
    group: CREDENTIALS,
    help: "Send requests without a signature, for public buckets.",
  },
  "ca-bundle": {
    group: CREDENTIALS,
    help: "PEM file of the certificates to trust, instead of those that Node.js trusts. AWS_CA_BUNDLE does the same.",
    placeholder: "FILE",
    value: text,
    names: "file",
  },
  "user-agent-prefix": {
    group: CREDENTIALS,
    help: "Text to put before the User-Agent header of all requests.",
    placeholder: "TEXT",
    value: headerText,
  },
  bind: {
    group: CREDENTIALS,
    help: "Network interface to send requests from.",
    placeholder: "INTERFACE",
    value: text,
    repeatable: true,
  },
  foreground: {
    short: "f",
    group: MOUNT,
    help: "Stay in the foreground, with the log on standard output. Ctrl-C unmounts.",
  },
  "read-only": { group: MOUNT, help: "Mount read-only." },
  "allow-delete": { group: MOUNT, help: "Let files be deleted." },
  "allow-overwrite": { group: MOUNT, help: "Let existing files be replaced." },
  "incremental-upload": {
    group: MOUNT,
    help: "Let existing files be appended to, and others see files while they are written; in buckets of S3 Express One Zone only.",
  },
  "allow-other": {
    group: MOUNT,
    help: "Let all users use the mount, not only the one who mounted it.",
    conflicts: ["allow-root"],
  },
  "allow-root": { group: MOUNT, help: "Let root use the mount too." },
  "auto-unmount": {
    group: MOUNT,
    help: "Have the directory unmounted even if this process is killed.",
  },
  "upload-timeout": {
    group: MOUNT,
    help: "How long uploads under way may take after SIGTERM, Ctrl-C or an unmount.",
    placeholder: "SECONDS",
    value: wholeNumber("seconds", 0, 86_400),
    default: "60",
  },
  noexec: { group: MOUNT, help: "Let no program be started from the mount." },
  options: {
    short: "o",
    group: MOUNT,
    help: "Options as in /etc/fstab: those here without dashes, divided by commas, ro for read-only. A backslash stands before a comma, a backslash or a quotation mark that is meant.",
    placeholder: "LIST",
    value: argumentsOfList,
    expands: true,
    repeatable: true,
  },
  "fuse-backend": {
    group: MOUNT,
    help: "Who speaks with the kernel: this program's own addon, or the npm package fuse-native.",
    placeholder: "NAME",
    ...choice("native", "fuse-native"),
    default: "native",
  },
  "pid-file": {
    group: MOUNT,
    help: "Write the id of the process that serves the mount to this file, and take it away at the end. UNSTABLE_MOUNTPOINT_PID_FILE does the same.",
    placeholder: "FILE",
    value: text,
    names: "file",
  },
  uid: {
    group: PERMISSIONS,
    help: "Owner of all files and directories.",
    placeholder: "UID",
    value: userId,
    default: "who mounts",
  },
  gid: {
    group: PERMISSIONS,
    help: "Group of all files and directories.",
    placeholder: "GID",
    value: groupId,
    default: "that of who mounts",
  },
  "dir-mode": {
    group: PERMISSIONS,
    help: "Permissions of directories, in octal.",
    placeholder: "MODE",
    value: mode,
    default: "0755",
  },
  "file-mode": {
    group: PERMISSIONS,
    help: "Permissions of files, in octal.",
    placeholder: "MODE",
    value: mode,
    default: "0644",
  },
  "storage-class": {
    group: UPLOADS,
    help: "Storage class, such as STANDARD_IA or INTELLIGENT_TIERING.",
    placeholder: "CLASS",
    value: headerText,
    default: "the bucket's",
  },
  sse: {
    group: UPLOADS,
    help: "What S3 encrypts with: AES256, aws:kms or aws:kms:dsse.",
    placeholder: "ALGORITHM",
    ...choice("aws:kms", "aws:kms:dsse", "AES256"),
    default: "the bucket's",
  },
  "sse-kms-key-id": {
    group: UPLOADS,
    help: "Key of KMS to encrypt with.",
    placeholder: "ARN",
    value: kmsKeyArn,
    default: "the account's key for S3",
    requires: "sse",
  },
  "upload-checksums": {
    group: UPLOADS,
    help: "What S3 checks the bytes with: crc32c, crc64nvme, or off for servers that cannot.",
    placeholder: "ALGORITHM",
    ...choice("crc32c", "crc64nvme", "off"),
    default: "crc32c",
  },
  "infer-content-type": {
    group: UPLOADS,
    help: "Set the content type by the extension of the name, instead of binary/octet-stream.",
  },
  "part-size": {
    group: PERFORMANCE,
    help: "Size of the parts in which objects are read and written, in bytes, 5 MiB to 5 GiB. Later parts of a large file are larger.",
    placeholder: "BYTES",
    value: partSize,
    default: "8388608",
    conflicts: ["read-part-size", "write-part-size"],
  },
  "read-part-size": {
    group: PERFORMANCE,
    help: "The same for reading only.",
    placeholder: "BYTES",
    value: partSize,
  },
  "write-part-size": {
    group: PERFORMANCE,
    help: "The same for writing only.",
    placeholder: "BYTES",
    value: partSize,
  },
  "memory-target": {
    group: PERFORMANCE,
    help: `Most memory to use, in MiB, ${MEMORY_TARGET_MIB_MIN} at least. A file can grow to 5 TiB with 1700, to 1.2 TiB with ${MEMORY_TARGET_MIB_MIN}.`,
    placeholder: "MIB",
    value: wholeNumber("MiB", MEMORY_TARGET_MIB_MIN),
    default: "95 % of what this machine or its control group has",
  },
  "no-fetch-ahead": {
    group: PERFORMANCE,
    help: "Fetch files only when they are read, not when files before them in their directory are, and list directories only when they are opened: slower, but no request can be in vain.",
  },
  "busy-poll": {
    group: PERFORMANCE,
    help: "For how long to stay awake for the next request of the kernel or answer of a server nearby, in microseconds, while more than 2,000 requests come in a second. It makes such reads up to half as fast again, for more processor time; 0 turns it off.",
    placeholder: "MICROSECONDS",
    value: wholeNumber("microseconds", 0, 1_000_000),
    default: "200; 0 with less than two processors",
  },
  "data-threads": {
    group: PERFORMANCE,
    help: "How many threads receive and decrypt large bodies, and copy large replies to the kernel, beside the one that decides everything; 0 leaves all of it to that one.",
    placeholder: "N",
    value: wholeNumber("threads", 0, 64),
    default: "one for each 4 processors, at most 3, or 4 over TLS",
  },
  "maximum-throughput-gbps": {
    group: PERFORMANCE,
    help: "Throughput to aim at, in Gbit per second: opens one connection for each 0.4, 10 at least. It does not limit what they carry.",
    placeholder: "N",
    value: wholeNumber("Gbit per second", 1),
    default: "64 connections",
  },
  "max-threads": {
    group: PERFORMANCE,
    help: "Most threads that serve the kernel, as with mount-s3: there is one, and --data-threads is less than this. Requests overlap however few there are.",
    placeholder: "N",
    value: wholeNumber("threads", 1),
  },
  "metadata-ttl": {
    group: CACHE,
    help: 'How long names and attributes are believed without asking S3: seconds, "minimal" (one system call) or "indefinite".',
    placeholder: "TTL",
    value: metadataTtl,
    default: "minimal",
  },
  "negative-metadata-ttl": {
    group: CACHE,
    help: "How long names that are not there are believed to be missing: the same values.",
    placeholder: "TTL",
    value: metadataTtl,
    default: "that of --metadata-ttl",
  },
  cache: {
    group: CACHE,
    help: "Keep what is read in this directory.",
    placeholder: "DIR",
    value: text,
    names: "directory",
  },
  "max-cache-size": {
    group: CACHE,
    help: "Size that the directory of --cache may grow to, in MiB; 0 for no cache.",
    placeholder: "MIB",
    value: wholeNumber("MiB", 0),
    default: "what leaves 5 % of the file system free",
    requires: "cache",
  },
  "cache-block-size": {
    group: CACHE,
    help: "Size of the blocks in the cache, in KiB.",
    placeholder: "KIB",
    value: wholeNumber("KiB", 1),
    default: "1024",
  },
  "cache-xz": {
    group: CACHE,
    help: "Keep what is read in this bucket of S3 Express One Zone, for all that share it.",
    placeholder: "BUCKET",
    value: bucketName,
  },
  "log-directory": {
    short: "l",
    group: LOGGING,
    help: "Write the log to a new file in this directory, which is created if it is missing. Without it, a mount in the background logs to the system log.",
    placeholder: "DIR",
    value: text,
    names: "directory",
  },
  "log-format": {
    group: LOGGING,
    help: "text, or json for one object per line, in the system log too.",
    placeholder: "FORMAT",
    ...choice("text", "json"),
    default: "text",
  },
  debug: {
    short: "d",
    group: LOGGING,
    help: "Log debug lines too, one for each request to S3 among them.",
  },
  "debug-crt": {
    group: LOGGING,
    help: "Log debug lines about requests to S3 and the connections they take.",
  },
  "log-metrics": {
    group: LOGGING,
    help: "Log every five seconds what requests of the kernel and to S3 have cost.",
  },
  "no-log": {
    group: LOGGING,
    help: "Keep no log at all.",
    conflicts: ["log-directory", "debug", "debug-crt", "log-metrics"],
  },
  "otlp-endpoint": {
    group: LOGGING,
    help: "URL of an OpenTelemetry collector to send metrics to.",
    placeholder: "URL",
    value: endpointUrl,
  },
  "otlp-export-interval": {
    group: LOGGING,
    help: "How often metrics are sent.",
    placeholder: "SECONDS",
    value: wholeNumber("seconds", 1),
    default: "60",
    requires: "otlp-endpoint",
  },
  help: { short: "h", group: MORE, help: "Show this help." },
  version: { short: "V", group: MORE, help: "Show the version." },
} as const satisfies OptionTable;

export type MountValues = OptionValues<typeof MOUNT_TABLE>;
