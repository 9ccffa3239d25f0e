/**
 * Makes a `Log` out of sinks: lets through what the filter wants, and holds back a message that repeats
 * itself.
 *
 *   layer ─▶ TargetLog ── wanted? ──▶ repeats itself? ──▶ every sink
 */

import {
  LOG_TARGETS,
  type Log,
  type LogFields,
  type LogLevel,
  type LogTarget,
} from "../base/log.ts";
import { type LogFilter, parseLogFilter, SEVERITY } from "./log-filter.ts";
import type { LogRecord, LogSink } from "./log-sink.ts";
import { Repetitions } from "./repetitions.ts";

export interface LogWriterOptions {
  readonly sinks: readonly LogSink[];
  /** What is wanted at first. */
  readonly filter: LogFilter;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface LogWriter extends Log {
  /** Goes on to the next of `VERBOSITIES`, behind the last of which the first filter comes again. */
  nextVerbosity(): void;
  /** Writes what is held back and closes the sinks. */
  close(): Promise<void>;
}

/** What SIGUSR2 leads through, as with mount-s3. */
const VERBOSITIES = ["debug,wire=off", "debug", "trace,wire=off", "trace"];

const NOTHING = parseLogFilter("off");

export function createLogWriter(options: LogWriterOptions): LogWriter {
  return new OutputLog(options);
}

/** Who takes a line that is wanted. */
type Write = (level: LogLevel, target: LogTarget, message: string, fields?: LogFields) => void;

class TargetLog implements Log {
  readonly #target: LogTarget;
  readonly #write: Write;
  readonly #siblings: ReadonlyMap<LogTarget, TargetLog>;
  #level = 0;

  constructor(target: LogTarget, write: Write, siblings: ReadonlyMap<LogTarget, TargetLog>) {
    this.#target = target;
    this.#write = write;
    this.#siblings = siblings;
  }

  get debugEnabled(): boolean {
    return this.#level >= SEVERITY.debug;
  }

  get traceEnabled(): boolean {
    return this.#level >= SEVERITY.trace;
  }

  heed(filter: LogFilter): void {
    this.#level = filter.levelOf(this.#target);
  }

  trace(message: string, fields?: LogFields): void {
    if (this.#level >= SEVERITY.trace) this.#write("trace", this.#target, message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#level >= SEVERITY.debug) this.#write("debug", this.#target, message, fields);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#level >= SEVERITY.info) this.#write("info", this.#target, message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#level >= SEVERITY.warn) this.#write("warn", this.#target, message, fields);
  }

  error(message: string, fields?: LogFields): void {
    if (this.#level >= SEVERITY.error) this.#write("error", this.#target, message, fields);
  }

  named(target: LogTarget): Log {
    return this.#siblings.get(target) ?? this;
  }
}

/** The log of `cli`, which has made it, with what is common to all targets. */
class OutputLog extends TargetLog implements LogWriter {
  readonly #sinks: readonly LogSink[];
  readonly #now: () => number;
  readonly #targets: ReadonlyMap<LogTarget, TargetLog>;
  readonly #repetitions: Repetitions;
  readonly #filters: readonly LogFilter[];
  #filterIndex = 0;

  constructor({ filter, now = Date.now, sinks }: LogWriterOptions) {
    const targets = new Map<LogTarget, TargetLog>();
    const write: Write = (level, target, message, fields) => {
      const record = { level, target, message, fields };
      if (level === "debug" || level === "trace" || this.#repetitions.admit(record)) {
        this.#write(record);
      }
    };
    super("cli", write, targets);
    for (const target of LOG_TARGETS) {
      targets.set(target, target === "cli" ? this : new TargetLog(target, write, targets));
    }
    this.#sinks = sinks;
    this.#now = now;
    this.#targets = targets;
    this.#repetitions = new Repetitions(now, (record) => this.#write(record));
    this.#filters = [filter, ...VERBOSITIES.map(parseLogFilter)];
    this.#heed(filter);
  }

  nextVerbosity(): void {
    this.#filterIndex = (this.#filterIndex + 1) % this.#filters.length;
    const filter = this.#filters[this.#filterIndex] ?? NOTHING;
    this.#heed(filter);
    // Whatever the filter says: whoever sent the signal waits for this.
    const message = `the log's verbosity is ${filter.text} now`;
    this.#write({ level: "info", target: "cli", message, fields: undefined });
  }

  async close(): Promise<void> {
    this.#repetitions.close();
    this.#heed(NOTHING);
    await Promise.all(this.#sinks.map((sink) => sink.close()));
  }

  #heed(filter: LogFilter): void {
    const heeded = this.#sinks.length === 0 ? NOTHING : filter;
    for (const log of this.#targets.values()) log.heed(heeded);
  }

  #write(record: Omit<LogRecord, "timeMs">): void {
    const timed = { timeMs: this.#now(), ...record };
    for (const sink of this.#sinks) sink.write(timed);
  }
}
