/** Text of a document that the benchmark writes: it stands between two marks, which name it. */

export interface Written {
  readonly name: string;
  /** The command that writes it. */
  readonly by: string;
  readonly text: string;
}

/** `document` with what stands between the marks replaced. */
export function withBlock(document: string, { by, name, text }: Written): string {
  const begin = `<!-- ${name}: written by ${by} -->`;
  const end = `<!-- end of ${name} -->`;
  const [before, rest] = document.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`the document has no place for ${name}: it lacks "${begin}" and "${end}"`);
  }
  return `${before}${begin}\n\n${text}\n\n${end}${after}`;
}
