/** What a mount needs of this machine: one finding for each thing, with a remedy where there is one. */

import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { release, userInfo } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../base/log.ts";
import { MIB } from "../../base/sizes.ts";
import { defaultMemoryTarget, type Finding } from "../../mount/index.ts";
import { addon } from "../../native/index.ts";
import { CliError } from "../error.ts";
import { checkMountPoint } from "../mount-point.ts";

/** Its FUSE protocol is the oldest that the mount speaks. */
const KERNEL_MIN = [5, 4] as const;
/** 64 connections, and what else a process has open. */
const OPEN_FILES_MIN = 256;
/** Below it, parts and blocks have no room. */
const MEMORY_MIN_BYTES = 512 * MIB;
/** Of capabilities(7). */
const CAP_SYS_ADMIN = 21n;

export function checkSystem(directory: string | undefined): readonly Finding[] {
  const privileged = mayMount();
  return [
    checkKernel(),
    checkAddon(),
    checkDevice(),
    checkPrivileges(privileged),
    checkOpenFiles(),
    checkReadAhead(),
    checkMemory(),
    ...(directory === undefined ? [] : [checkDirectory(directory)]),
  ];
}

function checkKernel(): Finding {
  const check = "kernel";
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const isRecent = major > KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor >= KERNEL_MIN[1]);
  const detail = `Linux ${release()}, Node.js ${process.versions.node}`;
  if (isRecent) return { check, verdict: "good", detail };
  const remedy = `Linux ${KERNEL_MIN.join(".")} is the oldest that will do`;
  return { check, verdict: "bad", detail, remedy };
}

function checkAddon(): Finding {
  try {
    const { checksumEngine } = addon();
    return { check: "addon", verdict: "good", detail: `loaded, checksums by ${checksumEngine}` };
  } catch (error) {
    return { check: "addon", verdict: "bad", detail: messageOf(error) };
  }
}

function checkDevice(): Finding {
  const check = "/dev/fuse";
  if (!existsSync("/dev/fuse")) {
    const remedy = "load the module (modprobe fuse); in a container, pass --device /dev/fuse";
    return { check, verdict: "bad", detail: "there is none", remedy };
  }
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch (error) {
    // fusermount3 opens it as the user who called it.
    return { check, verdict: "bad", detail: messageOf(error), remedy: "chmod 666 /dev/fuse" };
  }
  return { check, verdict: "good", detail: "can be opened" };
}

function checkPrivileges(privileged: boolean): Finding {
  const check = "permission";
  if (privileged) return { check, verdict: "good", detail: "this process may mount by itself" };
  const helper = findHelper();
  if (helper === undefined) {
    const detail = "this process may not mount, and fusermount3 is not there to do it";
    return { check, verdict: "bad", detail, remedy: "install fuse3, or run as root" };
  }
  if (!isSetUid(helper)) {
    const remedy = `chown root ${helper}; chmod u+s ${helper}`;
    return { check, verdict: "bad", detail: `${helper} is not set-uid root`, remedy };
  }
  if (!hasName()) {
    const detail = `${helper} mounts for users with a name, and user ${process.getuid?.()} has none`;
    const remedy = "give this user a line in /etc/passwd (in a container: useradd --uid UID NAME)";
    return { check, verdict: "bad", detail, remedy };
  }
  const others = mayAllowOthers()
    ? ""
    : "; --allow-other needs a line user_allow_other in /etc/fuse.conf";
  return { check, verdict: "good", detail: `${helper} mounts for this user${others}` };
}

function checkOpenFiles(): Finding {
  const check = "open files";
  const [, soft = "?", hard = "?"] =
    /^Max open files\s+(\S+)\s+(\S+)/m.exec(textOf("/proc/self/limits")) ?? [];
  const detail = `${soft} at most, and ${hard} after ulimit -n`;
  if (soft === "unlimited" || Number(soft) >= OPEN_FILES_MIN) {
    return { check, verdict: "good", detail };
  }
  return { check, verdict: "warning", detail, remedy: `ulimit -n ${OPEN_FILES_MIN}` };
}

function checkReadAhead(): Finding {
  const check = "read-ahead";
  if (process.getuid?.() === 0) {
    return { check, verdict: "good", detail: "a mount raises the kernel's own, as root may" };
  }
  const detail =
    "the kernel's own stays at 128 KiB, as only root may raise it: large files are read somewhat slower";
  return { check, verdict: "warning", detail };
}

function checkMemory(): Finding {
  const check = "memory";
  const targetBytes = defaultMemoryTarget();
  const [, availableKib = "0"] = /^MemAvailable:\s+(\d+)/m.exec(textOf("/proc/meminfo")) ?? [];
  const detail = `${Math.round(Number(availableKib) / 1024)} MiB are free, and a mount uses ${Math.round(targetBytes / MIB)} MiB at most`;
  if (Number(availableKib) * 1024 >= MEMORY_MIN_BYTES) return { check, verdict: "good", detail };
  const remedy = "give it a machine or a container with 512 MiB for itself";
  return { check, verdict: "warning", detail, remedy };
}

function checkDirectory(directory: string): Finding {
  const check = "directory";
  try {
    checkMountPoint(directory);
    return {
      check,
      verdict: "good",
      detail: `${directory} is there, and nothing is mounted on it`,
    };
  } catch (error) {
    // Its message has the remedy, and says what the cause does.
    return {
      check,
      verdict: "bad",
      detail: error instanceof CliError ? error.message : messageOf(error),
    };
  }
}

function mayMount(): boolean {
  const [, effective = "0"] = /^CapEff:\s+([0-9a-f]+)/m.exec(textOf("/proc/self/status")) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

function findHelper(): string | undefined {
  const directories = [
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/run/wrappers/bin",
  ];
  return ["fusermount3", "fusermount"]
    .flatMap((name) => directories.map((directory) => join(directory, name)))
    .find((path) => existsSync(path));
}

function isSetUid(path: string): boolean {
  const { mode, uid } = statSync(path);
  return uid === 0 && (mode & 0o4000) !== 0;
}

/** Whether /etc/passwd, or what else tells names, has this user. */
function hasName(): boolean {
  try {
    return userInfo().username !== "";
  } catch {
    return false;
  }
}

function mayAllowOthers(): boolean {
  return process.getuid?.() === 0 || /^\s*user_allow_other\s*$/m.test(textOf("/etc/fuse.conf"));
}

/** "" for a file that cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
