/** Writes S3's XML documents, as strings: elements and text, nothing else. */

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/**
 * Text as S3 writes it. Control characters become references although XML 1.0 has no way to say most
 * of them: S3 does the same, and a client that asked for `encoding-type=url` never meets them.
 */
function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys may hold them, the output may not.
  return text.replace(/[&<>"\u0000-\u001f\u007f]/g, (character) => {
    return ESCAPES[character] ?? `&#x${character.charCodeAt(0).toString(16)};`;
  });
}

/** `<name>text</name>`. */
export function element(name: string, value: string | number | boolean): string {
  return `<${name}>${escapeText(String(value))}</${name}>`;
}

/** The same, or nothing where there is no value. */
export function optionalElement(name: string, value: string | undefined): string {
  return value === undefined ? "" : element(name, value);
}

/** An element around others that are XML already. */
export function parent(name: string, ...children: readonly string[]): string {
  return `<${name}>${children.join("")}</${name}>`;
}

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** A whole document with S3's namespace. */
export function xmlDocument(root: string, ...children: readonly string[]): string {
  return `${XML_DECLARATION}<${root} xmlns="${NAMESPACE}">${children.join("")}</${root}>`;
}

/** Milliseconds since the epoch as the documents have them. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
