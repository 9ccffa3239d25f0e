/**
 * Text in memory of its own. A string that was cut out of a longer one keeps all of that in memory: what is
 * kept for long of an answer of S3 must not keep the answer.
 */

const ASCII = /^[\x20-\x7e]*$/;
const scratch = Buffer.alloc(1024);

/** The same text. What is long or not ASCII, which is rare, is left as it is. */
export function ownText(text: string): string {
  if (text.length > scratch.length || !ASCII.test(text)) return text;
  return scratch.toString("latin1", 0, scratch.write(text, "latin1"));
}
