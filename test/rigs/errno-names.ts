/** Names of error numbers, and errors that carry them as Node's do. */

import { constants } from "node:os";

export function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found?.[0] ?? `errno ${errno}`;
}

/** As Node reports a failed system call: `code` holds the name. */
export function errnoError(errno: number, call: string): NodeJS.ErrnoException {
  const code = errnoName(errno);
  return Object.assign(new Error(`${code}: ${call}`), { code, errno: -errno, syscall: call });
}
