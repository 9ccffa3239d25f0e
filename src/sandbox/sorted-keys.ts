/**
 * The keys of a bucket in S3's order, that of their UTF-8 bytes, in one sorted array: found by binary
 * search, added by a move of pointers. JavaScript compares UTF-16 units, which differs where
 * surrogates (characters above U+FFFF) meet U+E000 to U+FFFF.
 */

/** Negative, zero or positive, as the UTF-8 of `a` sorts before, with or behind that of `b`. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return byteRank(left) - byteRank(right);
  }
  return a.length - b.length;
}

/** Lifts surrogates above every other unit: as UTF-8 they take four bytes, the others at most three. */
function byteRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

export class SortedKeys {
  readonly #keys: string[] = [];

  get count(): number {
    return this.#keys.length;
  }

  at(index: number): string | undefined {
    return this.#keys[index];
  }

  add(key: string): void {
    const last = this.#keys.at(-1);
    if (last === undefined || compareKeys(last, key) < 0) {
      this.#keys.push(key);
      return;
    }
    const index = this.firstIndex((present) => compareKeys(present, key) >= 0);
    if (this.#keys[index] !== key) this.#keys.splice(index, 0, key);
  }

  remove(key: string): void {
    const index = this.firstIndex((present) => compareKeys(present, key) >= 0);
    if (this.#keys[index] === key) this.#keys.splice(index, 1);
  }

  /** The index of the first key from `start` for which `holds`, which holds for all keys behind it. */
  firstIndex(holds: (key: string) => boolean, start = 0): number {
    let low = start;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = this.#keys[middle];
      if (key !== undefined && holds(key)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
