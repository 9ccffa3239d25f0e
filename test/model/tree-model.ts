/**
 * What a mount should show and answer, from first principles: a set of keys, what this mount has made,
 * its open handles, and the rule that a directory of S3 comes before what is local, and that before
 * an object. It knows nothing of caches, pages or lookup counts.
 */

export type Kind = "directory" | "file" | undefined;

export interface Rules {
  readonly readOnly: boolean;
  readonly allowDelete: boolean;
  readonly allowOverwrite: boolean;
  /** Whether the bucket is a directory bucket, which renames and lists in no order. */
  readonly isDirectoryBucket: boolean;
  /** Whether files are appended to, and are stored whenever they are synced or closed. */
  readonly appends: boolean;
  /** How long a directory that this mount emptied stays. */
  readonly directoryMs: number;
  /** Longer than anything is believed, so that the mount may not rely on what it knew. */
  readonly laterMs: number;
}

export interface WriterModel {
  readonly kind: "writer";
  readonly path: string;
  content: string;
  status: "open" | "stored" | "failed";
  /** The errno that it answers with once it has failed. */
  failure: string;
  /** Another client has stored the same key since: an object that was taken for new is refused. */
  contested: boolean;
  /** A copy of the descriptor was closed, and nothing has been written since: whoever comes may store it. */
  isIdle: boolean;
  /** Whether it was opened with O_APPEND, so that every write is one at the end. */
  readonly isAppending: boolean;
  /** Whether anything was written, so that a file that is appended to is stored when it is synced. */
  isBegun: boolean;
}

export interface ReaderModel {
  readonly kind: "reader";
  /** As it was opened: the key that is read. */
  readonly path: string;
  /** What its inode is called by now. */
  at: string;
  /** Of the version that was opened. */
  readonly content: string;
  /**
   * "current": the path stands for the inode that was opened; "replaced": for another one; "doubtful":
   * the object went and came back, and only a cache knows whether anybody noticed.
   */
  identity: "current" | "replaced" | "doubtful";
  /**
   * "idle": a copy of the descriptor was closed, and nothing has been read since, so that a writer need
   * not wait for it; "superseded": one did not; "maybe": nor can that be told.
   */
  use: "active" | "idle" | "superseded" | "maybe";
}

export type HandleModel = WriterModel | ReaderModel;

export class TreeModel {
  readonly rules: Rules;
  /** The steps that led here, for whoever has to understand a failure. */
  readonly trace: string[] = [];
  nowMs = 0;
  /** Whether only time can tell what there is: nothing is compared before it has passed. */
  isDoubtful = false;
  /** Key to content. */
  readonly keys = new Map<string, string>();
  /** Made here, with nothing stored in them. */
  readonly localDirectories = new Set<string>();
  /** Directories of S3 out of which this mount deleted something, and when that is forgotten. */
  readonly emptied = new Map<string, number>();
  /** Paths that are being written, unless a directory hides them. */
  readonly writers = new Map<string, WriterModel>();
  /** All that are open, by the number of the open. */
  readonly handles = new Map<number, HandleModel>();
  /**
   * What this mount has stored last, by path, unless it knows of anything else there; whether it remembers
   * that it has is its own affair. What another stores of the same content has the same ETag.
   */
  readonly made = new Map<string, string>();

  /** What was seen last of each object, under which inode number; not of what was written here since. */
  readonly seen = new Map<string, { readonly ino: number; readonly content: string }>();

  constructor(rules: Rules, keys: Iterable<readonly [string, string]> = []) {
    this.rules = rules;
    for (const [key, content] of keys) this.keys.set(key, content);
  }

  /** Bytes of UTF-8 in the order in which S3 lists keys. */
  static compare(a: string, b: string): number {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }

  kind(path: string): Kind {
    if (path === "") return "directory";
    const below = `${path}/`;
    const hasBelow = (paths: Iterable<string>): boolean =>
      [...paths].some((candidate) => candidate.startsWith(below));
    if (hasBelow(this.keys.keys())) return "directory";
    if (this.writers.has(path)) return "file";
    if (this.localDirectories.has(path) || this.isEmptied(path)) return "directory";
    if (hasBelow(this.writers.keys()) || hasBelow(this.localDirectories)) return "directory";
    for (const directory of this.emptied.keys()) {
      if (directory.startsWith(below) && this.isEmptied(directory)) return "directory";
    }
    return this.keys.has(path) ? "file" : undefined;
  }

  /** What stands in the way to `path`; undefined when every directory on it is one. */
  obstacle(path: string): "ENOENT" | "ENOTDIR" | undefined {
    const parts = path.split("/").slice(0, -1);
    for (let length = 1; length <= parts.length; length++) {
      const kind = this.kind(parts.slice(0, length).join("/"));
      if (kind === undefined) return "ENOENT";
      if (kind === "file") return "ENOTDIR";
    }
    return undefined;
  }

  isEmptied(directory: string): boolean {
    return (this.emptied.get(directory) ?? 0) > this.nowMs;
  }

  content(path: string): string {
    return this.writers.get(path)?.content ?? this.keys.get(path) ?? "";
  }

  /** The names in a directory, with their kinds and sizes, sorted. */
  list(directory: string): string[] {
    const prefix = directory === "" ? "" : `${directory}/`;
    const names = new Set<string>();
    const paths = [
      ...this.keys.keys(),
      ...this.writers.keys(),
      ...this.localDirectories,
      ...[...this.emptied.keys()].filter((emptied) => this.isEmptied(emptied)),
    ];
    for (const path of paths) {
      if (!path.startsWith(prefix) || path === prefix) continue;
      names.add(path.slice(prefix.length).split("/")[0] ?? "");
    }
    return [...names]
      .filter((name) => name !== "" && name !== "." && name !== ".." && !name.includes("\0"))
      .map((name) => {
        const kind = this.kind(prefix + name);
        return kind === "file" ? `${name} ${this.content(prefix + name).length}` : `${name}/`;
      })
      .sort(TreeModel.compare);
  }

  /** Whether the directory has something that only this mount knows of. */
  hasLocalInside(directory: string): boolean {
    const below = `${directory}/`;
    const emptied = [...this.emptied.keys()].filter((path) => this.isEmptied(path));
    const paths = [...this.writers.keys(), ...this.localDirectories, ...emptied];
    return paths.some((path) => path.startsWith(below));
  }

  /** Whether S3 has more of the directory than an empty object that stands for it. */
  hasContent(directory: string): boolean {
    const below = `${directory}/`;
    return [...this.keys].some(
      ([key, content]) => key.startsWith(below) && (key !== below || content !== ""),
    );
  }

  /** Readers at work on what the path stands for now; "doubtful" when that cannot be told. */
  readersOf(path: string): "none" | "some" | "doubtful" {
    let found: "none" | "doubtful" = "none";
    for (const handle of this.handles.values()) {
      if (handle.kind !== "reader" || handle.at !== path || handle.use !== "active") continue;
      if (handle.identity === "current") return "some";
      if (handle.identity === "doubtful") found = "doubtful";
    }
    return found;
  }

  /** Somebody writes what is there anew: readers that were closed once do not read on. */
  supersede(path: string): void {
    for (const handle of this.handles.values()) {
      if (handle.kind !== "reader" || handle.at !== path || handle.use === "active") continue;
      if (handle.identity === "current") handle.use = "superseded";
      else if (handle.identity === "doubtful" && handle.use === "idle") handle.use = "maybe";
    }
  }

  /** An object is there, or is replaced: directories above it are S3's, and hide what is written. */
  store(key: string, content: string): void {
    if (this.keys.has(key) && this.keys.get(key) !== content) this.#identify(key, "replaced");
    this.keys.set(key, content);
    const parts = key.split("/");
    for (let length = 1; length < parts.length; length++) {
      const directory = parts.slice(0, length).join("/");
      this.localDirectories.delete(directory);
      this.writers.delete(directory);
    }
  }

  /** Another client stores an object. */
  storeBehind(key: string, content: string): void {
    if (this.made.get(key) !== content) this.made.delete(key);
    for (const handle of this.handles.values()) {
      if (handle.kind === "writer" && handle.path === key) handle.contested = true;
    }
    this.store(key, content);
  }

  /** Another client deletes an object. */
  remove(key: string): void {
    this.#identify(key, "doubtful");
    this.keys.delete(key);
  }

  /** This mount deletes an object. */
  unlink(path: string): void {
    this.#identify(path, "replaced");
    this.keys.delete(path);
    this.made.delete(path);
    this.#leave(path);
  }

  /** This mount renames an object. */
  rename(from: string, to: string): void {
    const content = this.content(from);
    this.#identify(to, "replaced");
    for (const handle of this.handles.values()) {
      if (handle.kind === "reader" && handle.at === from) handle.at = to;
    }
    this.keys.delete(from);
    this.#leave(from);
    this.keys.delete(to);
    this.store(to, content);
    this.made.delete(to);
    if (this.made.delete(from)) this.made.set(to, content);
    const seen = this.seen.get(from);
    this.seen.delete(from);
    this.seen.delete(to);
    if (seen !== undefined) this.seen.set(to, seen);
  }

  /** This mount removes a directory, and an empty object that stood for it. */
  removeDirectory(path: string): void {
    this.keys.delete(`${path}/`);
    this.emptied.delete(path);
    this.localDirectories.delete(path);
    this.#leave(path);
  }

  /** The directories of S3 above `path`, which has gone, stay a while. */
  #leave(path: string): void {
    const parts = path.split("/");
    for (let length = 1; length < parts.length; length++) {
      const directory = parts.slice(0, length).join("/");
      if (this.localDirectories.has(directory)) continue;
      this.emptied.set(directory, this.nowMs + this.rules.directoryMs);
    }
  }

  /** The writer's content becomes an object. */
  commit(writer: WriterModel): void {
    writer.status = "stored";
    if (this.writers.get(writer.path) === writer) this.writers.delete(writer.path);
    this.made.set(writer.path, writer.content);
    this.store(writer.path, writer.content);
  }

  /** What the writer has written is stored, and it writes on. */
  storePart(writer: WriterModel): void {
    this.made.set(writer.path, writer.content);
    this.store(writer.path, writer.content);
  }

  /** The writer gives up: its name is free, or the old object's again. */
  abandon(writer: WriterModel, failure: string): void {
    writer.status = "failed";
    writer.failure = failure;
    if (this.writers.get(writer.path) === writer) this.writers.delete(writer.path);
    // What it kept alive may have been looked up meanwhile, and stay a while longer for that.
    for (const directory of this.emptied.keys()) {
      if (writer.path.startsWith(`${directory}/`) && !this.isEmptied(directory))
        this.isDoubtful = true;
    }
  }

  #identify(path: string, identity: ReaderModel["identity"]): void {
    for (const handle of this.handles.values()) {
      if (handle.kind !== "reader" || handle.at !== path) continue;
      if (handle.identity !== "replaced") handle.identity = identity;
    }
  }
}
