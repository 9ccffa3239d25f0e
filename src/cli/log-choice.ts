/** Opens the log that a command line asks for. */

import {
  createLogWriter,
  type LogSink,
  type LogWriter,
  openLogFile,
  openStandardOutput,
} from "../telemetry/index.ts";
import { CliError } from "./error.ts";
import type { LogOptions } from "./mount-command.ts";

/** Throws a failure when the log directory cannot be written. */
export function openLog(options: LogOptions, foreground: boolean): LogWriter {
  const sinks: LogSink[] = [];
  if (foreground && !options.noLog) sinks.push(openStandardOutput());
  if (options.logDirectory !== undefined) sinks.push(openFileSink(options.logDirectory));
  const debug = (options.debug || options.debugCrt) && sinks.length > 0;
  return createLogWriter({ sinks, debug });
}

function openFileSink(directory: string): LogSink {
  try {
    return openLogFile(directory).sink;
  } catch (error) {
    throw new CliError(
      "failure",
      `log directory ${directory} cannot be written: ${String(error)}: name another directory, or leave --log-directory out`,
      { cause: error },
    );
  }
}
