/**
 * The status line and header fields of an HTTP/1.x response, and what they say about the body that
 * follows. Strict: whatever two readers could understand differently is refused (RFC 9112).
 */

import { ProtocolError, quoted } from "./protocol-error.ts";

/** Field names in lower case. The record has no property of its own accord: a server may name a field `__proto__`. */
export type Headers = Readonly<Record<string, string | undefined>>;

export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** Whether the server offers the connection for another request. */
  readonly keepAlive: boolean;
}

/** How the end of a body is known. */
export type Framing =
  | { readonly kind: "length"; readonly byteCount: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r\n\0]*)?$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const CRLF = "\r\n";
/** A field's value holds no control character but the tab. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Behind every header in the place of null, with which V8 makes hash tables of them, three times the size. */
const NO_FIELDS: object = Object.create(null);

/** Parses the first `end` of `bytes`, before the empty line. Throws ProtocolError. */
export function parseHead(bytes: Buffer, end: number): ResponseHead {
  const text = bytes.toString("latin1", 0, end);
  const match = STATUS_LINE.exec(lineAt(text, 0));
  if (match === null) {
    const sent = quoted(bytes.subarray(0, end));
    throw new ProtocolError(`it does not speak HTTP: it sent ${sent}`);
  }
  const headers: Record<string, string | undefined> = Object.create(NO_FIELDS);
  let at = match[0].length + CRLF.length;
  for (let index = 0; at <= text.length; index++) {
    const { line, name, value } = fieldOf(text, at, index);
    at += line.length + CRLF.length;
    const earlier = headers[name];
    headers[name] = earlier === undefined ? value : `${earlier}, ${value}`;
  }
  const connection = headers["connection"]?.toLowerCase();
  const keepAlive =
    connection === undefined
      ? match[1] === "1"
      : !connection.includes("close") && (match[1] === "1" || connection.includes("keep-alive"));
  return { status: Number(match[2]), headers, keepAlive };
}

interface Field {
  readonly line: string;
  /** In lower case. */
  readonly name: string;
  readonly value: string;
}

/** Of the answers before, by their place: most lines of an answer are as in the one before. */
const latestFields: Field[] = [];
const LATEST_FIELDS_MAX = 32;
const LATEST_LINE_MAX = 256;

/** The field whose line begins `at`, as the `index`-th of the header. */
function fieldOf(text: string, at: number, index: number): Field {
  const latest = latestFields[index];
  if (latest !== undefined && hasLine(text, at, latest.line)) return latest;
  const line = lineAt(text, at);
  const field = parseField(line);
  const place = Math.min(index, latestFields.length);
  if (place < LATEST_FIELDS_MAX && line.length <= LATEST_LINE_MAX) latestFields[place] = field;
  return field;
}

function lineAt(text: string, at: number): string {
  const end = text.indexOf(CRLF, at);
  return text.slice(at, end === -1 ? text.length : end);
}

function hasLine(text: string, at: number, line: string): boolean {
  const end = at + line.length;
  return text.startsWith(line, at) && (end === text.length || text.startsWith(CRLF, end));
}

function parseField(line: string): Field {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  if (!FIELD_NAME.test(name)) throw new ProtocolError("a header line has no valid field name");
  const value = line.slice(colon + 1).trim();
  if (!FIELD_VALUE.test(value)) throw new ProtocolError("a header value holds a control character");
  return { line, name: name.toLowerCase(), value };
}

/** Throws ProtocolError when the two ways to frame a body contradict each other. */
export function framingOf(method: string, head: ResponseHead): Framing {
  const { status, headers } = head;
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (length !== undefined && !/^\d{1,15}$/.test(length)) {
    throw new ProtocolError("its Content-Length is not one number");
  }
  if (method === "HEAD" || status === 204 || status === 304)
    return { kind: "length", byteCount: 0 };
  if (coding !== undefined) {
    if (length !== undefined) throw new ProtocolError("it has a length and a transfer coding");
    if (coding.toLowerCase() !== "chunked")
      throw new ProtocolError("its transfer coding is unknown");
    return { kind: "chunked" };
  }
  if (length !== undefined) return { kind: "length", byteCount: Number(length) };
  return { kind: "until-close" };
}
