/**
 * telemetry: where the log and the metrics in it go. Layers are handed a `Log` (base/log.ts) and do not know this folder;
 * `cli/` opens the sinks that the command line asks for and makes the log out of them.
 *
 * No sink may end the process or hold up its work: each has a bounded queue and drops what it cannot
 * write, counting it.
 */

export { TelemetryError } from "./error.ts";
export { openLogFile, openStandardOutput } from "./log-file.ts";
export { type LogFilter, parseLogFilter } from "./log-filter.ts";
export { formatJson, formatText, formatUntimed } from "./log-format.ts";
export type { LogSink } from "./log-sink.ts";
export { createLogWriter, type LogWriter } from "./log-writer.ts";
export { logMetrics } from "./logged-metrics.ts";
export { SYSTEM_LOG_PATH, SyslogSink } from "./syslog-sink.ts";
