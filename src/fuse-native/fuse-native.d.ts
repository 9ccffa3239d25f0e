/** fuse-native 2.2.6 ships no types: what is used of it. Callbacks take a negative errno, or 0. */
declare module "fuse-native" {
  type Done = (result: number) => void;

  export interface FuseStat {
    readonly mode: number;
    readonly ino: number;
    readonly nlink?: number;
    readonly uid?: number;
    readonly gid?: number;
    readonly size?: number;
    readonly blksize?: number;
    readonly blocks?: number;
    /** Milliseconds since the epoch. */
    readonly atime: number;
    readonly mtime: number;
    readonly ctime: number;
  }

  export interface FuseStatfs {
    readonly bsize: number;
    readonly frsize: number;
    readonly blocks: number;
    readonly bfree: number;
    readonly bavail: number;
    readonly files: number;
    readonly ffree: number;
    readonly favail: number;
    readonly namemax: number;
  }

  /** libfuse answers ENOSYS for what is absent. */
  export interface FuseOperations {
    getattr(path: string, done: (result: number, stat?: FuseStat) => void): void;
    statfs(path: string, done: (result: number, statfs?: FuseStatfs) => void): void;
    readdir(
      path: string,
      done: (result: number, names?: readonly string[], stats?: readonly FuseStat[]) => void,
    ): void;
    truncate(path: string, size: number, done: Done): void;
    utimens(path: string, atime: number, mtime: number, done: Done): void;
    chown(path: string, uid: number, gid: number, done: Done): void;
    chmod(path: string, mode: number, done: Done): void;
    mknod(path: string, mode: number, dev: number, done: Done): void;
    mkdir(path: string, mode: number, done: Done): void;
    unlink(path: string, done: Done): void;
    rmdir(path: string, done: Done): void;
    rename(from: string, to: string, done: Done): void;
    link(from: string, to: string, done: Done): void;
    symlink(from: string, to: string, done: Done): void;
    open(path: string, flags: number, done: (result: number, fd?: number) => void): void;
    /** `buffer` is libfuse's, until `done` is called with the number of bytes or a negative errno. */
    read(
      path: string,
      fd: number,
      buffer: Uint8Array,
      length: number,
      offset: number,
      done: Done,
    ): void;
    write(
      path: string,
      fd: number,
      buffer: Uint8Array,
      length: number,
      offset: number,
      done: Done,
    ): void;
    flush(path: string, fd: number, done: Done): void;
    fsync(path: string, datasync: number, fd: number, done: Done): void;
    release(path: string, fd: number, done: Done): void;
  }

  export interface FuseOptions {
    /** How long an operation may take; false for ever. */
    readonly timeout: false;
  }

  // biome-ignore lint/style/noDefaultExport: that is how the package exports it
  export default class Fuse {
    constructor(directory: string, operations: FuseOperations, options: FuseOptions);
    /** Calls back when the kernel's first request was answered, or with why there is no mount. */
    mount(done: (error: Error | null) => void): void;
    /** The one argument of libfuse: "-o" and options. Its own version knows only some of them. */
    protected _fuseOptions(): string;
  }
}
