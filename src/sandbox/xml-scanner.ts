/**
 * Reads the XML that clients send: CompleteMultipartUpload, Delete, CreateBucketConfiguration. Only
 * elements and text count; attributes are skipped, and everything that could expand or refer (DOCTYPE,
 * entities of its own, CDATA) is refused, so that input costs time and memory in proportion to its
 * length, which the caller bounds.
 */

import { SandboxError } from "./error.ts";

const DEPTH_MAX = 8;

export interface XmlElement {
  readonly name: string;
  /** The text directly inside. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

interface OpenElement {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

// Sticky, so that each match begins where the last one ended and nothing is searched for twice.
const TOKEN =
  /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([A-Za-z_][\w.:-]*)((?:\s[^<>]*?)?)(\/?)>|([^<]+)/y;

/** The root element of `xml`, or a `MalformedXML`. */
export function scanXml(xml: string): XmlElement {
  const root: OpenElement = { name: "", text: "", children: [] };
  const open: OpenElement[] = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < xml.length) {
    const match = TOKEN.exec(xml);
    if (match === null) throw new SandboxError("MalformedXML");
    const [, closing, name, , empty, text] = match;
    if (text !== undefined) addText(open, text);
    else if (name !== undefined)
      addTag(open, { name, closing: closing === "/", empty: empty === "/" });
  }
  const [only, ...others] = root.children;
  if (open.length !== 1 || only === undefined || others.length > 0) {
    throw new SandboxError("MalformedXML");
  }
  return only;
}

interface Tag {
  readonly name: string;
  readonly closing: boolean;
  readonly empty: boolean;
}

function addTag(open: OpenElement[], tag: Tag): void {
  const innermost = open.at(-1);
  if (innermost === undefined || open.length > DEPTH_MAX) throw new SandboxError("MalformedXML");
  if (tag.closing) {
    if (open.length === 1 || innermost.name !== tag.name) throw new SandboxError("MalformedXML");
    open.pop();
    return;
  }
  const added: OpenElement = { name: tag.name, text: "", children: [] };
  innermost.children.push(added);
  if (!tag.empty) open.push(added);
}

function addText(open: readonly OpenElement[], raw: string): void {
  const innermost = open.at(-1);
  if (innermost === undefined) throw new SandboxError("MalformedXML");
  if (open.length > 1) innermost.text += unescapeText(raw);
  else if (raw.trim() !== "" && raw.trim() !== "\ufeff") throw new SandboxError("MalformedXML");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
};

function unescapeText(raw: string): string {
  if (!raw.includes("&")) return raw;
  return raw.replace(/&[^&;]{0,10};?/g, (entity) => {
    const known = ENTITIES[entity];
    if (known !== undefined) return known;
    const number = /^&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));$/.exec(entity);
    const [, hex, decimal] = number ?? [];
    const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    // Not a number when there was none. Surrogates are no characters and 0 is no XML.
    const valid = point > 0 && point <= 0x10_ffff && (point < 0xd800 || point > 0xdfff);
    if (!valid) throw new SandboxError("MalformedXML");
    return String.fromCodePoint(point);
  });
}

/** The text of the child `name`, or undefined when there is none. */
export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}
