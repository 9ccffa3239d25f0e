/** Opens the log that a command line and the environment ask for. */

import { messageOf } from "../base/log.ts";
import { addonIfAny } from "../native/index.ts";
import {
  createLogWriter,
  formatJson,
  formatText,
  formatUntimed,
  type LogFilter,
  type LogSink,
  type LogWriter,
  openLogFile,
  openStandardOutput,
  parseLogFilter,
  SYSTEM_LOG_PATH,
  SyslogSink,
  TelemetryError,
} from "../telemetry/index.ts";
import { CliError } from "./error.ts";
import type { LogOptions } from "./mount-command.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Directives, which mount-s3 takes from the same variable. They come before all flags. */
const DIRECTIVES_VARIABLE = "MOUNTPOINT_LOG";
/** Another socket in the place of /dev/log. */
const SYSLOG_VARIABLE = "MOUNT_S3_TS_SYSLOG";

/**
 * Opens what lines go to: standard output in the foreground, a file if a directory is named, the system
 * log otherwise. Throws a failure when the directory cannot be written.
 */
export function openLog(
  options: LogOptions,
  { environment, foreground }: { environment: Environment; foreground: boolean },
): LogWriter {
  const filter = filterFor(options, environment);
  const log = createLogWriter({ sinks: openSinks(options, environment, foreground), filter });
  for (const name of filter.unknown) {
    log.warn(`"${name}" in ${DIRECTIVES_VARIABLE} is no part of this program: it has no effect`);
  }
  return log;
}

/** Whether metrics are to be logged: with the flag, or where directives have them by name. */
export function wantsMetrics({ logMetrics }: LogOptions, environment: Environment): boolean {
  return logMetrics || directivesOf(environment)?.asksFor("metrics") === true;
}

/** Judges the directives of the environment. Throws a usage error. */
export function checkLogDirectives(environment: Environment): void {
  directivesOf(environment);
}

/** A sentence when a mount in the background with `options` can log nowhere, as in most containers. */
export function describeMissingLog(
  options: LogOptions,
  environment: Environment,
  exists: (path: string) => boolean,
): string | undefined {
  const path = syslogPath(environment);
  if (options.noLog || options.logDirectory !== undefined) return undefined;
  const remedy = "--log-directory makes a log file";
  if (!exists(path)) {
    return `there is no system log at ${path}: nothing is logged until there is; ${remedy}`;
  }
  if (addonIfAny() !== undefined) return undefined;
  return `without the native addon the system log cannot be reached: nothing is logged; ${remedy}`;
}

function openSinks(
  { logDirectory, logFormat, noLog }: LogOptions,
  environment: Environment,
  foreground: boolean,
): LogSink[] {
  if (noLog) return [];
  const format = logFormat === "json" ? formatJson : formatText;
  const sinks: LogSink[] = [];
  if (foreground) sinks.push(openStandardOutput(format));
  if (logDirectory !== undefined) sinks.push(openFileSink(logDirectory, format));
  if (sinks.length > 0) return sinks;
  const addon = addonIfAny();
  if (addon === undefined) return [];
  return [
    new SyslogSink({
      addon,
      path: syslogPath(environment),
      pid: process.pid,
      format: logFormat === "json" ? formatJson : formatUntimed,
    }),
  ];
}

function openFileSink(directory: string, format: typeof formatText): LogSink {
  try {
    return openLogFile(directory, format).sink;
  } catch (error) {
    throw new CliError(
      "failure",
      `log directory ${directory} cannot be written: ${messageOf(error)}: name another directory, or leave --log-directory out`,
      { cause: error },
    );
  }
}

function filterFor({ debug, debugCrt }: LogOptions, environment: Environment): LogFilter {
  const directives = directivesOf(environment);
  if (directives !== undefined) return directives;
  if (debug) return parseLogFilter(debugCrt ? "debug" : "debug,wire=off");
  return parseLogFilter(debugCrt ? "info,s3=debug,wire=debug" : "info,wire=off");
}

function directivesOf(environment: Environment): LogFilter | undefined {
  const text = environment[DIRECTIVES_VARIABLE];
  if (!text) return undefined;
  try {
    return parseLogFilter(text);
  } catch (error) {
    if (!(error instanceof TelemetryError)) throw error;
    throw new CliError(
      "usage",
      `${DIRECTIVES_VARIABLE} is "${text}": ${error.message}: correct the variable or unset it`,
      { cause: error },
    );
  }
}

function syslogPath(environment: Environment): string {
  return environment[SYSLOG_VARIABLE] || SYSTEM_LOG_PATH;
}
