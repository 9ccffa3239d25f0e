/**
 * Text in memory of its own. A string that was cut out of a longer one keeps all of that in memory: what is
 * kept for long of an answer of S3 must not keep the answer.
 */

/** What is longer is rarely kept. */
const LENGTH_MAX = 1024;
/** No text of that length takes more in UTF-8. */
const scratch = Buffer.alloc(3 * LENGTH_MAX);

/** The same text. What is long or not ASCII, which is rare, is left as it is. */
export function ownText(text: string): string {
  if (text.length > LENGTH_MAX) return text;
  const byteCount = scratch.write(text);
  return byteCount === text.length ? scratch.toString("latin1", 0, byteCount) : text;
}
