/** What the system means by an error number, for messages. */

import { getSystemErrorMap } from "node:util";

/** "EINVAL (invalid argument)" for 22. */
export function systemError(errno: number): string {
  const [name, meaning] = getSystemErrorMap().get(-errno) ?? [];
  return name === undefined ? `errno ${errno}` : `${name} (${meaning})`;
}
