/**
 * What the command and the daemon that it starts tell each other, over one socket, one line of JSON
 * each way: the command sends its order, the daemon its answer. Nothing of it is in the arguments or
 * the environment of the daemon.
 */

import type { Socket } from "node:net";
import type { MountOptions } from "../mount/index.ts";
import type { LogOptions } from "./mount-command.ts";

/** The daemon's descriptor for the socket. */
export const DAEMON_CHANNEL_FD = 3;
/** Its descriptor for the device that the command was passed, if it was. */
export const DAEMON_DEVICE_FD = 4;

export interface DaemonOrder {
  readonly options: MountOptions;
  readonly pidFile: string | undefined;
  readonly log: LogOptions;
  readonly warnings: readonly string[];
  /** The mount ends with `UNMOUNT_LINE`, or when the other side is gone, and logs to standard output. */
  readonly bound: boolean;
}

/** Ends a mount that is bound. */
export const UNMOUNT_LINE = "\n";

export type DaemonAnswer =
  | { readonly kind: "mounted"; readonly summary: string }
  | { readonly kind: "failed"; readonly message: string };

export function sendLine(socket: Socket, message: DaemonOrder | DaemonAnswer): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

/** The first line that comes, or undefined when the other side is gone before it is whole. */
export function receiveLine<Message extends DaemonOrder | DaemonAnswer>(
  socket: Socket,
): Promise<Message | undefined> {
  return new Promise((resolve) => {
    let received = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      received += chunk;
      const end = received.indexOf("\n");
      if (end !== -1) resolve(JSON.parse(received.slice(0, end)) as Message);
    });
    // An error is followed by close.
    socket.on("error", () => {});
    socket.on("close", () => resolve(undefined));
  });
}
