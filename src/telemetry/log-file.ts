/** Two of the places that a log can go to: a new file in a directory, and standard output. */

import { constants, existsSync, fstatSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { DescriptorSink } from "./descriptor-sink.ts";
import type { LogFormat, LogSink } from "./log-sink.ts";

const STDOUT = 1;

/** As mount-s3 has them: readable by the owner's group, by nobody else. */
const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;

export interface LogFile {
  readonly path: string;
  readonly sink: LogSink;
}

/**
 * Creates `directory` if it is missing and a file in it that no other process writes:
 * `mount-s3-ts-YYYY-MM-DDTHH-MM-SSZ.<6 letters or digits>.log`. Throws the system's error.
 */
export function openLogFile(directory: string, format: LogFormat): LogFile {
  makeDirectories(directory);
  const path = join(directory, logFileName(new Date()));
  const fd = openSync(path, "ax", FILE_MODE);
  return { path, sink: new DescriptorSink({ fd, owned: true, format }) };
}

/**
 * As mkdir -p. Node's own recursive mkdir tries for ever where a directory that exists answers ENOENT
 * for a new name in it, as /proc does.
 */
function makeDirectories(directory: string): void {
  if (existsSync(directory)) return;
  const parent = dirname(directory);
  if (parent !== directory) makeDirectories(parent);
  try {
    mkdirSync(directory, { mode: DIRECTORY_MODE });
  } catch (error) {
    // Another mount, which starts at the same time, may have made it.
    if (!existsSync(directory)) throw error;
  }
}

function logFileName(date: Date): string {
  const stamp = date.toISOString().slice(0, 19).replaceAll(":", "-");
  const unique = Math.random().toString(36).slice(2, 8).padEnd(6, "0");
  return `mount-s3-ts-${stamp}Z.${unique}.log`;
}

/**
 * Standard output. A pipe or a terminal is opened anew so that it can be non-blocking without making
 * it so for the programs that share it: a reader that has stopped then costs lines, not a thread. A
 * regular file keeps the descriptor, whose offset it shares with other writers; a socket cannot be opened.
 */
export function openStandardOutput(format: LogFormat): LogSink {
  const shared = new DescriptorSink({ fd: STDOUT, owned: false, format });
  try {
    const status = fstatSync(STDOUT);
    if (!status.isFIFO() && !status.isCharacterDevice()) return shared;
    const flags = constants.O_WRONLY | constants.O_NONBLOCK;
    const fd = openSync("/proc/self/fd/1", flags);
    return new DescriptorSink({ fd, owned: true, format });
  } catch {
    return shared;
  }
}
