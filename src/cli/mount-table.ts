/** The options of the main command, `mount-s3-ts BUCKET DIRECTORY`: names and rules as mount-s3 has them. */

import type { OptionTable } from "./option.ts";
import {
  endpointUrl,
  groupId,
  metadataTtl,
  mode,
  partSize,
  prefix,
  text,
  userId,
  wholeNumber,
} from "./option-values.ts";

const BUCKET = "Bucket";
const CREDENTIALS = "Credentials";
const MOUNT = "Mount";
const PERMISSIONS = "What appears";
const PERFORMANCE = "Performance";
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
    default: "AWS_REGION, then what S3 says",
  },
  prefix: {
    group: BUCKET,
    help: "Mount only the keys below this prefix, which ends with a slash.",
    placeholder: "PREFIX",
    value: prefix,
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
  foreground: {
    short: "f",
    group: MOUNT,
    help: "Stay in the foreground, with the log on standard output. Ctrl-C unmounts.",
  },
  "read-only": { group: MOUNT, help: "Mount read-only." },
  "allow-delete": { group: MOUNT, help: "Let files be deleted." },
  "allow-overwrite": { group: MOUNT, help: "Let existing files be replaced." },
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
  "part-size": {
    group: PERFORMANCE,
    help: "Size of the parts in which objects are read and written, in bytes, 5 MiB to 5 GiB. A file written has 10,000 parts at most.",
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
    help: `Most memory to use, in MiB, ${MEMORY_TARGET_MIB_MIN} at least.`,
    placeholder: "MIB",
    value: wholeNumber("MiB", MEMORY_TARGET_MIB_MIN),
    default: "95 % of what this machine or its control group has",
  },
  "metadata-ttl": {
    group: PERFORMANCE,
    help: 'How long names and attributes are believed without asking S3: seconds, "minimal" (one system call) or "indefinite".',
    placeholder: "TTL",
    value: metadataTtl,
    default: "minimal",
  },
  "max-threads": {
    group: PERFORMANCE,
    help: "Accepted for compatibility with mount-s3. It has no effect: one thread serves the kernel, and requests to S3 overlap all the same.",
    placeholder: "N",
    value: wholeNumber("threads", 1),
  },
  "log-directory": {
    short: "l",
    group: LOGGING,
    help: "Write the log to a new file in this directory, which is created if it is missing. Without it, a mount in the background keeps no log.",
    placeholder: "DIR",
    value: text,
  },
  debug: { short: "d", group: LOGGING, help: "Log debug lines too." },
  "no-log": {
    group: LOGGING,
    help: "Keep no log at all.",
    conflicts: ["log-directory", "debug"],
  },
  help: { short: "h", group: MORE, help: "Show this help." },
  version: { short: "V", group: MORE, help: "Show the version." },
} as const satisfies OptionTable;
