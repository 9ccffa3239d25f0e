/**
 * Sends log lines to the system log, as datagrams to its Unix socket in the form of RFC 3164, which is
 * what syslog(3) sends. Never waits: a receiver that is behind, away or restarted costs lines at worst.
 *
 *   write(record) ▶ pending (bounded) ──▶ send ──▶ /dev/log
 *                       │                  ├ behind: again soon
 *                       │                  └ away: connect again, ever less often
 *                       └ full: dropped and counted, and the count is sent when there is room again
 */

import { setTimeout as delay } from "node:timers/promises";

import { EAGAIN, EMSGSIZE } from "../base/errno.ts";
import type { LogLevel } from "../base/log.ts";
import { MIB } from "../base/sizes.ts";
import type { Addon } from "../native/index.ts";
import { type LogFormat, type LogRecord, type LogSink, lossOf } from "./log-sink.ts";

/** As glibc has it (_PATH_LOG). */
export const SYSTEM_LOG_PATH = "/dev/log";

const IDENT = "mount-s3-ts";

/** RFC 3164, section 4.1.1: LOG_USER, and the severities. */
const FACILITY = 1;
const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
};

/** What rsyslog takes in one message by default; RFC 3164 has 1024 for the network. */
const MESSAGE_BYTES_MAX = 8192;
const PENDING_BYTES_MAX = MIB;
/** A receiver has room for a few hundred datagrams at most, and reads them in no time. */
const BEHIND_MS = 20;
const CLOSING_TRIES_MAX = 50;
const RECONNECT_MS = 1000;
const RECONNECT_MS_MAX = 60_000;

export interface SyslogOptions {
  readonly addon: Pick<Addon, "connectDatagram" | "sendDatagram" | "closeDescriptor">;
  readonly path: string;
  readonly pid: number;
  /** Without a time, which the system log has already. */
  readonly format: LogFormat;
}

export class SyslogSink implements LogSink {
  readonly #options: SyslogOptions;
  readonly #pending: Buffer[] = [];
  #pendingBytes = 0;
  #lostLines = 0;
  #fd: number | undefined;
  #reconnectMs = RECONNECT_MS;
  /** The next attempt, after one that failed. */
  #timer: NodeJS.Timeout | undefined;
  #closed: boolean = false;

  constructor(options: SyslogOptions) {
    this.#options = options;
  }

  write(record: LogRecord): void {
    const message = this.#messageOf(record);
    if (this.#closed || this.#pendingBytes + message.byteLength > PENDING_BYTES_MAX) {
      this.#lostLines++;
      return;
    }
    this.#pending.push(message);
    this.#pendingBytes += message.byteLength;
    if (this.#timer === undefined) this.#sendAll();
  }

  /** Gives a receiver that is behind a second; nobody waits for one that is away. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (let tries = 0; tries < CLOSING_TRIES_MAX; tries++) {
      clearTimeout(this.#timer);
      this.#sendAll();
      if (this.#pending.length === 0 || this.#fd === undefined) break;
      await delay(BEHIND_MS);
    }
    clearTimeout(this.#timer);
    this.#disconnect();
  }

  #sendAll(): void {
    this.#timer = undefined;
    let reconnected = false;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const fd = this.#fd ?? this.#connect();
      if (fd === undefined) return;
      const sent = this.#options.addon.sendDatagram(fd, next);
      if (sent === -EAGAIN) {
        this.#tryAgain(BEHIND_MS);
        return;
      }
      if (sent < 0 && sent !== -EMSGSIZE) {
        // The one who listened is gone; perhaps another has taken its place already.
        this.#disconnect();
        if (reconnected) {
          this.#backOff();
          return;
        }
        reconnected = true;
        continue;
      }
      this.#reconnectMs = RECONNECT_MS;
      this.#sent(next);
    }
  }

  /** What to send next: first of all how much was lost, as soon as there is room. */
  #next(): Buffer | undefined {
    if (this.#lostLines > 0 && this.#pending[0] !== undefined) {
      return this.#messageOf(lossOf(this.#lostLines));
    }
    return this.#pending[0];
  }

  #sent(message: Buffer): void {
    if (message !== this.#pending[0]) {
      this.#lostLines = 0;
      return;
    }
    this.#pending.shift();
    this.#pendingBytes -= message.byteLength;
  }

  #connect(): number | undefined {
    const { addon, path } = this.#options;
    const fd = addon.connectDatagram(path);
    if (fd < 0) {
      this.#backOff();
      return undefined;
    }
    this.#fd = fd;
    return fd;
  }

  #disconnect(): void {
    if (this.#fd !== undefined) this.#options.addon.closeDescriptor(this.#fd);
    this.#fd = undefined;
  }

  #backOff(): void {
    this.#tryAgain(this.#reconnectMs);
    this.#reconnectMs = Math.min(this.#reconnectMs * 2, RECONNECT_MS_MAX);
  }

  #tryAgain(delayMs: number): void {
    this.#timer = setTimeout(() => this.#sendAll(), delayMs).unref();
  }

  #messageOf(record: LogRecord): Buffer {
    const { format, pid } = this.#options;
    const priority = FACILITY * 8 + SEVERITIES[record.level];
    const head = `<${priority}>${timestamp(new Date(record.timeMs))} ${IDENT}[${pid}]: `;
    const message = Buffer.from(head + format(record));
    if (message.byteLength <= MESSAGE_BYTES_MAX) return message;
    // Not within a character: a byte of its rest begins with the bits 10.
    let end = MESSAGE_BYTES_MAX;
    while (((message[end] ?? 0) & 0xc0) === 0x80) end--;
    return message.subarray(0, end);
  }
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "Mmm dd hh:mm:ss", in local time. */
function timestamp(date: Date): string {
  const two = (number: number): string => String(number).padStart(2, "0");
  const day = String(date.getDate()).padStart(2);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${MONTHS[date.getMonth()]} ${day} ${time}`;
}
