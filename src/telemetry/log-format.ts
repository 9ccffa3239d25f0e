/**
 * What one line looks like: as text for people, as a JSON object for programs. Either way it stays one
 * line whatever it holds (object keys are hostile input), and no secret that can be recognised is in it.
 */

import type { LogRecord } from "./log-sink.ts";
import { redacted } from "./redaction.ts";

/** C0, DEL and C1: what would break lines or drive a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL_CHARACTERS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g;

/** Level, target and message: for a log that keeps the time itself. */
export function formatUntimed({ level, message, target }: LogRecord): string {
  return redacted(oneLine(`${level.toUpperCase()} ${target}: ${message}`));
}

/** The same behind the time, in UTC. */
export function formatText(record: LogRecord): string {
  return `${timeOf(record)} ${formatUntimed(record)}`;
}

/** An object with `time`, `level`, `target` and `message`, and the fields beside them. */
export function formatJson(record: LogRecord): string {
  const { fields, level, message, target } = record;
  const object = { time: timeOf(record), level, target, message: redacted(message), ...fields };
  // Control characters can stand in strings only, where JSON knows these escapes too.
  return oneLine(JSON.stringify(object));
}

function timeOf({ timeMs }: LogRecord): string {
  return new Date(timeMs).toISOString();
}

function oneLine(text: string): string {
  return text.replace(
    CONTROL_CHARACTERS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
