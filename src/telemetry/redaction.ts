/**
 * The last line of defence against secrets in the log: no layer puts one there, but a server, a proxy
 * or a library may quote what it was sent. Covers what can be told by its form, wherever it stands.
 */

const COVER = "***";

/** What stands behind one of these names, as in a header, a query, XML, JSON or an assignment. */
const NAMED_SECRET =
  /((?:signature(?:provided)?|secret[-_]?access[-_]?key|(?:session|security)[-_]?token|authorization[-_]?token|password)["']?\s*[=:>]\s*["']?)[^\s"'&,;<]+/gi;

/** Other headers that sign a request in, for a server or a proxy. */
const SCHEME = /\b(basic|bearer) +[\w+/=.~-]{8,}/gi;

/** `https://user:password@host` */
const URL_PASSWORD = /(:\/\/[^\s/:@"]*:)[^\s/@"]+@/g;

/** Of an access key's id, which is no secret but names an account, the end tells one from another. */
const ACCESS_KEY_ID = /\b(?:AKIA|ASIA)[A-Z0-9]{8,}([A-Z0-9]{4})\b/g;

export function redacted(line: string): string {
  return line
    .replace(NAMED_SECRET, `$1${COVER}`)
    .replace(SCHEME, `$1 ${COVER}`)
    .replace(URL_PASSWORD, `$1${COVER}@`)
    .replace(ACCESS_KEY_ID, `${COVER}$1`);
}
