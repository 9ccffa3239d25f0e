/**
 * A Unix datagram socket that a test listens at, as a system log does. Node has none, so that Python
 * listens; it is there wherever the addon is built.
 */

import { once } from "node:events";
import { expect } from "vitest";
import { Child } from "./child.ts";

/** Receives while its standard input says "read", and prints each datagram as one line of JSON. */
const PROGRAM = `
import json, os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print("listening", flush=True)
sys.stdin.readline()
while True:
    print(json.dumps(receiver.recv(65536).decode()), flush=True)
`;

export class DatagramReceiver {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Listens at `path`, where nothing may be; what comes is read once `read` was called. */
  static async start(path: string): Promise<DatagramReceiver> {
    const { LD_PRELOAD: _, ...env } = process.env;
    const child = new Child("python3", ["-c", PROGRAM, path], {
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    await child.waitForOutput(/listening\n/);
    return new DatagramReceiver(child);
  }

  read(): void {
    this.#child.process.stdin?.write("read\n");
  }

  get messages(): readonly string[] {
    const lines = this.#child.stdout.split("\n").slice(1, -1);
    return lines.map((line) => JSON.parse(line));
  }

  async waitFor(message: RegExp): Promise<void> {
    await expect.poll(() => this.messages).toContainEqual(expect.stringMatching(message));
  }

  /** Ends as a killed one does: the name of the socket stays. */
  async stop(): Promise<void> {
    const ended = once(this.#child.process, "exit");
    this.#child.signal("SIGKILL");
    await ended;
  }
}
