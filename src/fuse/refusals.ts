/**
 * Why a mount was refused and what to do about it, in one message, from the errno of mount(2) and of
 * opening the device, or from what fusermount3 printed.
 */

import { EACCES, EBUSY, EINVAL, ENODEV, ENOENT, EPERM } from "../base/errno.ts";
import { systemError } from "../base/system-error.ts";
import { FuseError, type FuseErrorKind } from "./error.ts";

const NEEDS_MODULE = 'load the kernel module with "modprobe fuse"';
const NEEDS_DEVICE = "a container must be started with --device /dev/fuse";
const NEEDS_CAPABILITY =
  "a container must be started with --cap-add SYS_ADMIN --device /dev/fuse, and under AppArmor with " +
  "--security-opt apparmor:unconfined";

/** /dev/fuse could not be opened. */
export function explainDevice(result: number): FuseError {
  if (result === -EPERM || result === -EACCES) {
    return new FuseError("no-device", `opening /dev/fuse: permission denied: ${NEEDS_DEVICE}`);
  }
  const reason = result === -ENOENT || result === -ENODEV ? "there is none" : systemError(-result);
  return new FuseError(
    "no-device",
    `opening /dev/fuse: ${reason}: ${NEEDS_MODULE}; ${NEEDS_DEVICE}`,
  );
}

/** mount(2), given `data`, refused. */
export function explainMount(directory: string, data: string, result: number): FuseError {
  const fail = (kind: FuseErrorKind, why: string): FuseError =>
    new FuseError(kind, `mounting at ${directory}: ${why}`);
  switch (-result) {
    case EPERM:
    case EACCES:
      return fail("mount-refused", `permission denied: ${NEEDS_CAPABILITY}`);
    case ENODEV:
      return fail("no-device", `this kernel has no FUSE: ${NEEDS_MODULE}`);
    case EINVAL:
      return fail(
        "mount-refused",
        `the kernel does not take the options ${data}: ${systemError(EINVAL)}: mount with a kernel from ` +
          "Linux 5.4 on, and not in a sandbox without FUSE or a user namespace that lacks this user",
      );
    case EBUSY:
      return fail("mount-refused", `${systemError(EBUSY)}: choose another directory`);
    default:
      return fail(
        "mount-refused",
        `${systemError(-result)}: try another directory; "mount-s3-ts doctor" looks for what is amiss`,
      );
  }
}

/** What libfuse's helper prints, and what a person can do then. */
const HELPER_REMEDIES: readonly (readonly [RegExp, FuseErrorKind, string])[] = [
  [
    /user_allow_other/,
    "allow-other-refused",
    "--allow-other and --allow-root need the line user_allow_other in /etc/fuse.conf, which root has " +
      "to put there",
  ],
  [
    /open \/dev\/fuse: Permission denied/,
    "no-device",
    'this user may not open the device: root can let all users with "chmod 666 /dev/fuse", or mount ' +
      `with --allow-other and --uid; ${NEEDS_DEVICE}`,
  ],
  [
    /open \/dev\/fuse|fuse device not found/,
    "no-device",
    `root has to ${NEEDS_MODULE}; ${NEEDS_DEVICE}`,
  ],
  [
    /mount failed: (?:Operation not permitted|Permission denied)/,
    "mount-refused",
    `the helper must be set-uid root ("ls -l /usr/bin/fusermount3"); ${NEEDS_CAPABILITY}`,
  ],
  [
    /no write access|not owned by/,
    "mount-refused",
    "choose a directory of this user, or have its owner give it with chown",
  ],
  [
    /determine username/,
    "mount-refused",
    "this user has no name: give it a line in /etc/passwd (in a container: useradd --uid UID NAME)",
  ],
  [
    /too many FUSE file ?systems/i,
    "mount-refused",
    "unmount one, or have root raise mount_max in /etc/fuse.conf",
  ],
  [
    /forbidden/,
    "mount-refused",
    "choose a directory on a disk: a file system of that type is not mounted over for users",
  ],
];

/** libfuse's helper `printed` this, or nothing but ended as `silence` says. */
export function explainHelper(directory: string, printed: string, silence: string): FuseError {
  const [, kind, remedy] = HELPER_REMEDIES.find(([pattern]) => pattern.test(printed)) ?? [
    undefined,
    "fusermount-failed",
    'mount as root, or see what "mount-s3-ts doctor" says',
  ];
  return new FuseError(kind, `mounting at ${directory}: ${printed || silence}: ${remedy}`);
}
