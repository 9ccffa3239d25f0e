/**
 * Which files are read one after the other in the order in which their directory lists them, and which
 * will be next.
 *
 * ```
 *   listed   a  b  c  d  e  f  g  h  i
 *   read     ●  ●  ●                        a run of three
 *   claimed           ▲  ▲  ▲               whichever of them is read next, the run goes on there
 * ```
 *
 * Several programs may read at once, and one may read several files at once, slightly out of order: so
 * a run claims more than one file. What becomes of the knowledge is decided in fetch-ahead.ts.
 */

import { type FileInode, sizeAndTime } from "../inode/index.ts";

/** Runs that are followed at once. */
const RUNS_MAX = 32;
/** Files that a run claims at the least. */
const CLAIMS_MIN = 2;
/** Files that nobody read and that lie so far behind the one that was read last are given up. */
const LATE_MAX = 8;
/** Files in a row, empty ones or such as were just read, that a run goes past. */
const PASSED_MAX = 16;
/** Whoever reads the same file again so soon has most likely its pages. */
const LATELY_MS = 10_000;

interface Claim {
  readonly run: Run;
  readonly file: FileInode;
  readonly index: number;
}

/** Files that were read in order, and those that are expected to be. */
export class Run {
  /** How many were read. */
  length = 0;
  /** Of those that are closed again. */
  bytesRead = 0;
  /** How many files beyond the last one to have at hand, for the reader not to wait. */
  wanted = 1;
  /** In order, by key. */
  readonly claims = new Map<string, Claim>();
  /** The place of the file that was read last, counted along the listing. */
  position = 0;
  /** The last claimed file, and its place. */
  frontier: FileInode;
  frontierIndex = 0;

  constructor(file: FileInode) {
    this.frontier = file;
  }

  /** A guess was wrong: it has to prove itself again. */
  reset(): void {
    this.length = 0;
    this.bytesRead = 0;
    this.wanted = 1;
  }

  /** The next `count` files, as they are known now. */
  *next(count: number): Generator<FileInode> {
    for (const { file, index } of this.claims.values()) {
      if (index > this.position + count) return;
      if (index > this.position) yield latest(file);
    }
  }
}

export class ReadingOrder {
  readonly #claims = new Map<string, Claim>();
  /** The one that was read last comes last. */
  readonly #runs = new Set<Run>();
  readonly #readAtMs = new WeakMap<FileInode, number>();
  readonly #now: () => number;
  readonly #onSkipped: (file: FileInode) => void;

  /** `onSkipped` is told of files that `next` may have given and that are not expected any more. */
  constructor(now: () => number, onSkipped: (file: FileInode) => void) {
    this.#now = now;
    this.#onSkipped = onSkipped;
  }

  /** Whether `file` was read before. */
  hasRead(file: FileInode): boolean {
    return this.#readAtMs.has(file);
  }

  /** The run that `file`, which somebody reads now, belongs to. */
  follow(file: FileInode): Run {
    this.#readAtMs.set(file, this.#now());
    const claim = this.#claimOf(file);
    const run = claim?.run ?? new Run(file);
    run.length += 1;
    if (claim !== undefined) {
      this.#unclaim(claim);
      run.position = Math.max(run.position, claim.index);
      this.#skipLate(run);
    }
    this.#runs.delete(run);
    this.#runs.add(run);
    this.#extend(run);
    const [oldest] = this.#runs;
    if (oldest !== undefined && this.#runs.size > RUNS_MAX) this.#end(oldest);
    return run;
  }

  #claimOf(file: FileInode): Claim | undefined {
    const claim = this.#claims.get(file.key);
    if (claim !== undefined) return claim;
    // A listing may have told meanwhile what comes behind the last file of a run.
    for (const run of this.#runs) this.#extend(run);
    return this.#claims.get(file.key);
  }

  #extend(run: Run): void {
    const most = Math.max(CLAIMS_MIN, run.wanted);
    while (run.frontierIndex < run.position + most) {
      const file = this.#successor(run.frontier);
      // What another run claims is left to that one.
      if (file === undefined || this.#claims.has(file.key)) return;
      run.frontier = file;
      run.frontierIndex += 1;
      const claim = { run, file, index: run.frontierIndex };
      run.claims.set(file.key, claim);
      this.#claims.set(file.key, claim);
    }
  }

  /** The next file that somebody may be about to read, as far as listings have shown it. */
  #successor(file: FileInode): FileInode | undefined {
    const latelyMs = this.#now() - LATELY_MS;
    let current = latest(file);
    for (let passed = 0; passed <= PASSED_MAX; passed++) {
      const next = file.parent.children.get(current.followedBy ?? "");
      if (next?.kind !== "file") return undefined;
      const isEmpty = sizeAndTime(next.state).sizeBytes === 0;
      if (!isEmpty && (this.#readAtMs.get(next) ?? 0) <= latelyMs) return next;
      current = next;
    }
    return undefined;
  }

  #skipLate(run: Run): void {
    for (const claim of run.claims.values()) {
      if (claim.index >= run.position - LATE_MAX) return;
      this.#unclaim(claim);
      this.#onSkipped(latest(claim.file));
    }
  }

  #end(run: Run): void {
    this.#runs.delete(run);
    for (const claim of run.claims.values()) {
      this.#unclaim(claim);
      this.#onSkipped(latest(claim.file));
    }
  }

  #unclaim({ file, run }: Claim): void {
    this.#claims.delete(file.key);
    run.claims.delete(file.key);
  }
}

/** What the name of `file` stands for by now: another version of the object is another inode. */
function latest(file: FileInode): FileInode {
  const current = file.parent.children.get(file.name);
  return current?.kind === "file" ? current : file;
}
