/** Waiting on connections that may end meanwhile, as every wait on a client must expect. */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** The connection ended, by the client or by a fault: nobody awaits an answer. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";

  constructor() {
    super("the connection ended before the exchange did");
  }
}

/** Resolves when `socket` has ended. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once("close", () => resolve());
  });
}

/** Resolves after `ms`; rejects with `ConnectionLostError` as soon as `socket` ends. */
export function waitOpen(socket: Socket, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => {
      clearTimeout(timer);
      reject(new ConnectionLostError());
    };
    const timer = setTimeout(() => {
      socket.off("close", onClose);
      resolve();
    }, ms);
    if (socket.destroyed) onClose();
    else socket.once("close", onClose);
  });
}

/** Resolves when `response` takes more; rejects with `ConnectionLostError` when it never will. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      response.off("drain", settle).off("close", settle);
      if (response.destroyed) reject(new ConnectionLostError());
      else resolve();
    };
    if (response.destroyed) return settle();
    response.on("drain", settle).on("close", settle);
  });
}
