/**
 * The keys of a bucket in S3's order, that of their UTF-8 bytes, in one sorted array: found by binary
 * search. JavaScript compares UTF-16 units, which differs where
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

/** Up to so many new keys are moved into place one by one; more are sorted in all at once. */
const MOVED_MAX = 16;

export class SortedKeys {
  readonly #keys: string[] = [];
  /** Added since the last look, in any order. */
  #added: string[] = [];

  get count(): number {
    this.#settle();
    return this.#keys.length;
  }

  at(index: number): string | undefined {
    this.#settle();
    return this.#keys[index];
  }

  /** Adds `key`, which is not there yet. */
  add(key: string): void {
    this.#added.push(key);
  }

  remove(key: string): void {
    const index = this.firstIndex((present) => compareKeys(present, key) >= 0);
    if (this.#keys[index] === key) this.#keys.splice(index, 1);
  }

  /** The index of the first key from `start` for which `holds`, which holds for all keys behind it. */
  firstIndex(holds: (key: string) => boolean, start = 0): number {
    this.#settle();
    return this.#search(holds, start);
  }

  #search(holds: (key: string) => boolean, start: number): number {
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

  /** A bulk of keys costs one sort, which finds the old ones in order; a single one costs no sort. */
  #settle(): void {
    if (this.#added.length === 0) return;
    const added = this.#added;
    this.#added = [];
    if (added.length > MOVED_MAX) {
      for (const key of added) this.#keys.push(key);
      this.#keys.sort(compareKeys);
      return;
    }
    for (const key of added) {
      this.#keys.splice(
        this.#search((present) => compareKeys(present, key) > 0, 0),
        0,
        key,
      );
    }
  }
}
