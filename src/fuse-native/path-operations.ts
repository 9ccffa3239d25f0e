/**
 * The operations of libfuse's high-level interface, which name files by path, done by `Operations`,
 * which name them by inode. Every request is answered once, also when it fails: the thread of libfuse
 * that brought it waits for that.
 *
 * `create` is missing on purpose: fuse-native does not tell its flags. Without it the kernel makes the
 * file with `mknod` and then opens it, with all flags.
 */

import type { Done, FuseOperations, FuseStat, FuseStatfs } from "fuse-native";

import type {
  AttributeChanges,
  Attributes,
  Caller,
  DirectoryEntry,
  DirectoryWriter,
} from "../base/attributes.ts";
import { EBADF, EINVAL, ENOTCONN, EPERM } from "../base/errno.ts";
import { type Operations, type Reply, replyErrno } from "../fuse/index.ts";
import { InodeReferences } from "./inode-references.ts";
import { type OpenFile, OpenFiles } from "./open-files.ts";
import { PathResolver, splitPath } from "./path-resolver.ts";
import { entryStatOf, statfsOf, statOf } from "./stat.ts";

/**
 * fuse-native does not say who asks; 0 is the kernel itself. /proc could tell who still has a file open,
 * but asking it waits for processes that start a program, which wait for the flush that was asked about.
 */
const UNKNOWN_CALLER: Caller = { uid: 0, gid: 0, pid: 0 };
/** (uid_t) -1: chown(2) leaves it as it is. */
const UNCHANGED = 0xffff_ffff;
/** What libfuse renames an open file to instead of removing it (hidden_name in lib/fuse.c). */
const HIDDEN_NAME = /^\.fuse_hidden[0-9a-f]{16}$/;
/** What bytes that are not UTF-8 have become by the time they get here. */
const REPLACEMENT_CHARACTER = "\ufffd";

export interface PathOperationsOptions {
  readonly operations: Operations;
  /** The number that the kernel is to see for a failure. */
  readonly errnoOf: (error: unknown) => number;
  /** Something here is broken; it is not safe to go on. */
  readonly onBroken: (error: unknown) => void;
}

/** A failure that this file itself found. */
class PathError extends Error {
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

export class PathOperations implements FuseOperations {
  readonly #options: PathOperationsOptions;
  readonly #operations: Operations;
  readonly #references: InodeReferences;
  readonly #resolver: PathResolver;
  readonly #files = new OpenFiles();
  #pendingCount = 0;
  #isClosed: boolean = false;

  constructor(options: PathOperationsOptions) {
    this.#options = options;
    this.#operations = options.operations;
    this.#references = new InodeReferences(options.operations);
    this.#resolver = new PathResolver(options.operations, this.#references);
  }

  /** Requests that were not answered yet. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** Inodes that something here keeps in use. */
  get inodeCount(): number {
    return this.#references.count;
  }

  /** From here on every request is refused, and nothing is kept. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { ino } of this.#files.takeAll()) this.#references.drop(ino);
    this.#resolver.clear();
  }

  getattr(path: string, done: (result: number, stat?: FuseStat) => void): void {
    const work = (): Promise<Attributes> =>
      this.#resolver.use(path, async (ino, { attributes }) => {
        return attributes ?? (await this.#operations.getattr(ino, undefined)).attributes;
      });
    this.#answer(work, done, (attributes) => done(0, statOf(attributes)));
  }

  statfs(_path: string, done: (result: number, statfs?: FuseStatfs) => void): void {
    const work = async () => await this.#operations.statfs();
    this.#answer(work, done, (statistics) => done(0, statfsOf(statistics)));
  }

  readdir(
    path: string,
    done: (result: number, names?: readonly string[], stats?: readonly FuseStat[]) => void,
  ): void {
    const work = () => this.#resolver.use(path, (ino) => this.#list(ino));
    this.#answer(work, done, (entries) => {
      done(
        0,
        entries.map(({ name }) => name),
        entries.map(({ ino, kind }) => entryStatOf(ino, kind)),
      );
    });
  }

  truncate(path: string, sizeBytes: number, done: Done): void {
    this.#change(path, { sizeBytes }, done);
  }

  /** `mtimeMs` is not what the caller gave: fuse-native passes the time of access twice. */
  utimens(path: string, atimeMs: number, mtimeMs: number, done: Done): void {
    this.#change(path, { atimeMs, mtimeMs }, done);
  }

  chown(path: string, uid: number, gid: number, done: Done): void {
    const changes = { ...(uid !== UNCHANGED && { uid }), ...(gid !== UNCHANGED && { gid }) };
    this.#change(path, changes, done);
  }

  chmod(path: string, mode: number, done: Done): void {
    this.#change(path, { mode: mode & 0o7777 }, done);
  }

  mknod(path: string, mode: number, _dev: number, done: Done): void {
    this.#finish(async () => {
      const { attributes } = await this.#inDirectory(newPath(path), (parent, name) =>
        this.#operations.mknod(parent, name, mode),
      );
      this.#resolver.learn(attributes.ino);
    }, done);
  }

  mkdir(path: string, mode: number, done: Done): void {
    this.#finish(async () => {
      const { attributes } = await this.#inDirectory(newPath(path), (parent, name) =>
        this.#operations.mkdir(parent, name, mode),
      );
      this.#resolver.learn(attributes.ino);
    }, done);
  }

  unlink(path: string, done: Done): void {
    this.#finish(async () => {
      if (this.#resolver.unhide(path)) return;
      await this.#inDirectory(path, (parent, name) => this.#operations.unlink(parent, name));
    }, done);
  }

  rmdir(path: string, done: Done): void {
    const work = () =>
      this.#inDirectory(path, (parent, name) => this.#operations.rmdir(parent, name));
    this.#finish(work, done);
  }

  rename(from: string, to: string, done: Done): void {
    this.#finish(async () => {
      if (await this.#hide(from, to)) return;
      await this.#inDirectory(from, (parent, name) =>
        this.#inDirectory(to, (newParent, newName) =>
          this.#operations.rename({ parent, name, newParent, newName, flags: 0 }),
        ),
      );
    }, done);
  }

  /** S3 has no links; callers know EPERM as "this file system has none" (link(2)). */
  link(_from: string, _to: string, done: Done): void {
    done(-EPERM);
  }

  symlink(_from: string, _to: string, done: Done): void {
    done(-EPERM);
  }

  open(path: string, flags: number, done: (result: number, fd?: number) => void): void {
    const work = (): Promise<number> =>
      this.#resolver.use(path, async (ino) => {
        const { fh } = await this.#operations.open(ino, flags, UNKNOWN_CALLER);
        this.#references.share(ino);
        return this.#files.add({ fh, ino });
      });
    this.#answer(work, done, (fd) => done(0, fd));
  }

  read(
    _path: string,
    fd: number,
    buffer: Uint8Array,
    length: number,
    offset: number,
    done: Done,
  ): void {
    const work = async (): Promise<number> => {
      const reply = await this.#operations.read(this.#file(fd).fh, offset, length);
      let byteCount = 0;
      for (const part of reply.parts) {
        buffer.set(part, byteCount);
        byteCount += part.byteLength;
      }
      reply.release();
      return byteCount;
    };
    this.#answer(work, done, done);
  }

  write(
    _path: string,
    fd: number,
    buffer: Uint8Array,
    length: number,
    offset: number,
    done: Done,
  ): void {
    const work = async () =>
      await this.#operations.write(this.#file(fd).fh, offset, buffer.subarray(0, length));
    this.#answer(work, done, done);
  }

  flush(_path: string, fd: number, done: Done): void {
    this.#finish(() => this.#operations.flush(this.#file(fd).fh, UNKNOWN_CALLER), done);
  }

  fsync(_path: string, _datasync: number, fd: number, done: Done): void {
    this.#finish(() => this.#operations.fsync(this.#file(fd).fh), done);
  }

  release(_path: string, fd: number, done: Done): void {
    this.#finish(async () => {
      const file = this.#file(fd);
      this.#files.take(fd);
      try {
        await this.#operations.release(file.fh);
      } finally {
        this.#references.drop(file.ino);
      }
    }, done);
  }

  #file(fd: number): OpenFile {
    const file = this.#files.get(fd);
    if (file === undefined) throw new PathError(EBADF, `${fd} is not an open file`);
    return file;
  }

  #change(path: string, changes: AttributeChanges, done: Done): void {
    this.#finish(async () => {
      await this.#resolver.use(path, (ino) => this.#operations.setattr(ino, changes));
    }, done);
  }

  #inDirectory<T>(path: string, work: (parent: number, name: string) => Reply<T>): Promise<T> {
    const { directory, name } = splitPath(path);
    return this.#resolver.use(directory, (parent) => work(parent, name));
  }

  /**
   * An open file is not removed by libfuse but renamed, and removed when it is closed. S3 cannot
   * rename; so the file is removed now, and libfuse's name for it leads to its inode until then.
   */
  async #hide(from: string, to: string): Promise<boolean> {
    const source = splitPath(from);
    const target = splitPath(to);
    if (source.directory !== target.directory || !HIDDEN_NAME.test(target.name)) return false;
    return await this.#resolver.use(from, async (ino) => {
      if (!this.#files.has(ino)) return false;
      await this.#inDirectory(from, (parent, name) => this.#operations.unlink(parent, name));
      this.#resolver.hide(to, ino);
      return true;
    });
  }

  /** All entries: libfuse keeps them until the directory is closed. */
  async #list(ino: number): Promise<readonly DirectoryEntry[]> {
    const { fh } = await this.#operations.opendir(ino);
    try {
      const entries: DirectoryEntry[] = [];
      const writer: DirectoryWriter = { plus: false, add: (entry) => entries.push(entry) > 0 };
      for (;;) {
        const offset = entries.at(-1)?.nextOffset ?? 0;
        const count = entries.length;
        await this.#operations.readdir(fh, offset, writer);
        if (entries.length === count) return entries;
      }
    } finally {
      this.#operations.releasedir(fh);
    }
  }

  #finish(work: () => Reply<void>, done: Done): void {
    this.#answer(
      async () => await work(),
      done,
      () => done(0),
    );
  }

  #answer<T>(
    work: () => Promise<T>,
    fail: (result: number) => void,
    succeed: (value: T) => void,
  ): void {
    if (this.#isClosed) {
      fail(-ENOTCONN);
      return;
    }
    this.#pendingCount++;
    work()
      .finally(() => {
        this.#pendingCount--;
        if (this.#isClosed) this.#resolver.clear();
      })
      .then(succeed, (error: unknown) => fail(-this.#errnoOf(error)))
      .catch(this.#options.onBroken);
  }

  #errnoOf(error: unknown): number {
    return error instanceof PathError ? error.errno : replyErrno(this.#options.errnoOf(error));
  }
}

/** The path of something to be made. Throws EINVAL for a name that may not have been UTF-8. */
function newPath(path: string): string {
  if (!splitPath(path).name.includes(REPLACEMENT_CHARACTER)) return path;
  throw new PathError(EINVAL, "the name is not UTF-8");
}
