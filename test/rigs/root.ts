/**
 * Who runs the tests. Root mounts with mount(2), anybody else through fusermount3; what only root can
 * try does not run for others, and is told with the reason.
 */

import { type TestAPI, test } from "vitest";

/** The user who runs the tests. */
export const OWN_UID: number = process.getuid?.() ?? 0;

export const isRoot: boolean = OWN_UID === 0;

/** Lets others than the mount's owner in, for which others than root need a line in /etc/fuse.conf. */
export const FOR_OTHERS: readonly string[] = isRoot ? ["--allow-other"] : [];

/** What rigs of kernel mounts have when root runs them. */
export const AS_ROOT: readonly "root"[] = isRoot ? ["root"] : [];

/** As `test`, for tests of `what`, which only root can make. */
export function testAsRoot(what: string): TestAPI | TestAPI["skip"] {
  if (!isRoot) process.stdout.write(`tests of ${what} do not run here: they need root\n`);
  return isRoot ? test : test.skip;
}
