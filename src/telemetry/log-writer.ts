/**
 * Makes a `Log` out of sinks: stamps each message with time and level, keeps it on one line whatever
 * it holds (object keys are hostile input), and holds back a message that repeats itself.
 */

import type { Log } from "../base/log.ts";
import type { LogSink } from "./descriptor-sink.ts";

export interface LogWriterOptions {
  readonly sinks: readonly LogSink[];
  readonly debug: boolean;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface LogWriter extends Log {
  /** Writes what is held back and closes the sinks. */
  close(): Promise<void>;
}

/** The same message is written this often in one window; what is more is counted. */
const REPEATS_MAX = 10;
const REPEAT_WINDOW_MS = 10_000;
/** Messages remembered for that. */
const REMEMBERED_MAX = 256;

interface Repetition {
  windowStartMs: number;
  count: number;
}

/** C0, DEL and C1: what would break lines or drive a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL_CHARACTERS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g;

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { sinks, debug, now = Date.now } = options;
  const repetitions = new Map<string, Repetition>();

  function write(level: string, message: string): void {
    const line = `${new Date(now()).toISOString()} ${level} ${oneLine(message)}`;
    for (const sink of sinks) sink.write(line);
  }

  function reportHeldBack(key: string, { count }: Repetition): void {
    if (count > REPEATS_MAX) write("INFO", `${count - REPEATS_MAX} more times: ${key}`);
  }

  function log(level: string, message: string): void {
    const key = `${level} ${message}`;
    const repetition = repetitions.get(key);
    if (repetition && now() - repetition.windowStartMs < REPEAT_WINDOW_MS) {
      repetition.count++;
      if (repetition.count > REPEATS_MAX) return;
    } else {
      if (repetition) reportHeldBack(key, repetition);
      repetitions.delete(key);
      repetitions.set(key, { windowStartMs: now(), count: 1 });
      forgetOldest();
    }
    write(level, message);
  }

  function forgetOldest(): void {
    if (repetitions.size <= REMEMBERED_MAX) return;
    for (const [key, repetition] of repetitions) {
      reportHeldBack(key, repetition);
      repetitions.delete(key);
      return;
    }
  }

  return {
    debugEnabled: debug,
    debug: debug ? (message) => write("DEBUG", message) : () => {},
    info: (message) => log("INFO", message),
    warn: (message) => log("WARN", message),
    error: (message) => log("ERROR", message),
    async close() {
      for (const [key, repetition] of repetitions) reportHeldBack(key, repetition);
      repetitions.clear();
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

function oneLine(message: string): string {
  return message.replace(
    CONTROL_CHARACTERS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
