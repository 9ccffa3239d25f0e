/**
 * The typed contract of the C addon (native/): system calls that Node cannot make, and checksums.
 *
 * Every function that can fail returns a negative errno instead of throwing, unless it says so; it
 * throws a TypeError or RangeError only when it is called with the wrong types or out of range, which
 * is a programmer's error. No function allocates on the hot path, none blocks the loop but those that
 * say so. Buffers are used during the call only, unless data threads use them. The same addon may be
 * loaded in several worker threads; a channel stays in its own.
 */

export interface Addon {
  /** Opens /dev/fuse, non-blocking and close-on-exec. Returns a descriptor or -errno. */
  openDevice(): number;
  /** FUSE_DEV_IOC_CLONE: a second descriptor of the connection behind `fd`, or -errno. */
  cloneDevice(fd: number): number;
  /**
   * mount(2). `flags` are MS_*; `options` is the comma-separated data string. 0 or -errno,
   * -E2BIG for options of more than 4095 bytes, which the kernel would cut off.
   */
  mount(source: string, target: string, type: string, flags: number, options: string): number;
  /** umount2(2). `flags` are MNT_* and UMOUNT_NOFOLLOW. 0 or -errno. May block. */
  unmount(target: string, flags: number): number;
  /** A connected pair of stream sockets for the fusermount3 handshake: descriptors, or -errno. */
  socketPair(): readonly [number, number] | number;
  /**
   * Takes one descriptor that was passed over `socket` (SCM_RIGHTS), waiting for it for at most
   * `timeoutMs`, an hour at most; the loop is blocked meanwhile. Returns it, -ETIMEDOUT, -EPIPE when
   * the peer closed without sending one, -EPROTO when it sent something else, or another -errno.
   */
  receiveDescriptor(socket: number, timeoutMs: number): number;
  /**
   * A datagram socket, non-blocking and close-on-exec, connected to the Unix socket at `path`: its
   * descriptor or -errno, -EPROTOTYPE when another kind of socket is there.
   */
  connectDatagram(path: string): number;
  /** Sends `message` whole: its length, -EAGAIN while the receiver is behind, or another -errno. */
  sendDatagram(fd: number, message: Uint8Array): number;
  /**
   * Waits for every child of this process that has ended, up to the first of `kept` (32-bit process
   * ids), for which somebody else waits. Returns how many there were.
   */
  reapOrphans(kept: Uint8Array): number;
  /** Lets the system write no core of this process from now on, which would hold its secrets. 0 or -errno. */
  forbidCores(): number;
  /** Sets or clears O_NONBLOCK. 0 or -errno. */
  setNonBlocking(fd: number, nonBlocking: boolean): number;
  closeDescriptor(fd: number): number;

  /**
   * Starts serving a FUSE descriptor on this thread's event loop, which it keeps alive. Throws an
   * Error with a `code` when the descriptor cannot be watched: EBADF, EPERM (a plain file), EEXIST
   * (it is watched already).
   */
  openChannel(options: ChannelOptions): Channel;

  /**
   * Watches a duplicate of `fd`, a connected and non-blocking stream socket, on this thread's event
   * loop, which it keeps alive; `fd` itself stays the caller's. `onEvent` is called when there is
   * something to read or room to write again after a `write` that took less than all, and a last time,
   * with true, when the connection has broken. With a `count` it tells of a target on loan.
   * Throws an Error with a `code` when that cannot be.
   */
  openWire(fd: number, onEvent: (hungUp: boolean, count?: number) => void): Wire;
  /**
   * For the encrypted wires to one server, of TLS 1.2 and above. Trusts `certificates`, texts of any
   * number of PEM certificates each, and with `trustsSystem` those where OpenSSL looks for them; allows
   * `suites` with TLS 1.3 and `ciphers` with 1.2, which are lists with colons; resumes sessions.
   * Undefined when this Node does not lend its OpenSSL to addons.
   */
  openTlsContext(
    certificates: readonly string[],
    trustsSystem: boolean,
    suites: string,
    ciphers: string,
  ): TlsContext | undefined;

  /**
   * From here on `count` threads, 64 at the most, receive and write for wires and channels what has
   * `bytesMin` bytes and more; with 0 this thread does so. 0, -EBUSY while they do, or another -errno.
   */
  setDataThreads(count: number, bytesMin: number): number;

  /**
   * Maps `byteCount` bytes (a multiple of 2 MiB) of zeroes, aligned to 2 MiB and advised to use huge
   * pages. Nothing is resident until touched. Unmapped when collected. Throws an Error with code
   * ENOMEM when there is no memory.
   */
  allocateHuge(byteCount: number): ArrayBuffer;
  /** Gives the pages wholly inside `bytes` back to the system (MADV_DONTNEED); they read as zeroes. */
  discard(bytes: Uint8Array): number;

  /** CRC-32C (Castagnoli) of `bytes` continued from `crc` (0 to begin); unsigned. */
  crc32c(bytes: Uint8Array, crc: number): number;
  /** CRC-64/NVME of `bytes` continued from `crc` (0n to begin); unsigned. */
  crc64nvme(bytes: Uint8Array, crc: bigint): bigint;
  /** The same by tables, whatever the processor has: what the tests compare with. */
  crc32cPortable(bytes: Uint8Array, crc: number): number;
  crc64nvmePortable(bytes: Uint8Array, crc: bigint): bigint;
  /**
   * Opens AES-GCM as records of TLS are opened: whether the tag at the end of `sealed` is right, and the
   * rest of it decrypted into `content`. By OpenSSL or else by the instructions VAES and VPCLMULQDQ, of
   * which a wire chooses one: what the tests compare. Undefined where that one is missing.
   */
  openSealed(
    byOpenSsl: boolean,
    key: Uint8Array,
    vector: Uint8Array,
    header: Uint8Array,
    sealed: Uint8Array,
    content: Uint8Array,
  ): boolean | undefined;
  /** Which instructions the checksums use here: "sse4.2+pclmul", "armv8-crc+pmull", "portable". */
  readonly checksumEngine: string;
}

/** Opaque. */
export interface TlsContext {
  readonly opaque: unique symbol;
}

/**
 * One connected socket. Results are counts of bytes or -errno; with TLS also -EPROTO, for which
 * `failure` has the words. After `close` everything answers -EBADF or false.
 */
export interface Wire {
  /**
   * From here on TLS is spoken, as a client, with the server named `host` (or of that address), whose
   * certificate must be valid and its own. To be called first, and `handshake` next. 0 or -errno.
   */
  secure(context: TlsContext, host: string): number;
  /** 0 when the handshake is done; -EAGAIN while it is not: to be called again at each event. */
  handshake(): number;
  /**
   * Reads what there is for now, at most what `target` holds. Plain, less than that means that there is
   * no more. With TLS nothing says so but -EAGAIN, which must be waited for before the next event is.
   * 0 when the server has closed its side (properly, with TLS).
   */
  read(target: Uint8Array): number;
  /**
   * Has a data thread read instead, and says whether it does. Then the target is the thread's until it
   * is full or the wire is closed: at that, and whenever there is no more for now, `onEvent` tells how
   * many more bytes have come. A count of 0 or less ends it before, and is what `read` would return.
   * Until then nothing can be read or written, which is -EBUSY.
   */
  lend(target: Uint8Array): boolean;
  /**
   * Writes from the beginning of `bytes`; with `more`, others follow. When it takes less than all, a
   * mebibyte or more, or -EAGAIN, the rest is to be written at the next event and nothing else before it.
   */
  write(bytes: Uint8Array, more: boolean): number;
  /** With TLS, whether nothing that was received waits to be read; else true. */
  isDrained(): boolean;
  /** How many bytes the kernel keeps that the other side has not acknowledged. */
  queued(): number;
  /** Why TLS failed. */
  failure(): string;
  /** Whether an open wire keeps the event loop alive: at first it does. */
  ref(): void;
  unref(): void;
  /** Closes the connection at once, telling a TLS server so. Idempotent. */
  close(): void;
}

interface ChannelOptions {
  readonly fd: number;
  /**
   * For how many microseconds, a million at the most, the event loop looks for events before it sleeps
   * while requests follow one another closely (native/busy-poll.h); 0 for none, as when absent.
   */
  readonly busyPollMicros?: number;
  /**
   * Called on the event loop when the descriptor is readable, and once more when it has failed or
   * hung up. Requests are then taken with `receive` until it returns -EAGAIN.
   */
  readonly onReadable: () => void;
}

/**
 * One FUSE descriptor being served. A reply goes to the channel that its request came from. After
 * `close` everything answers -EBADF, so that an operation may end late.
 */
export interface Channel {
  /**
   * readv(2) of one request: the payload of a WRITE into `payload` (max_write bytes), all else into `head`,
   * which holds as much and 80 bytes before it. Retries EINTR and ENOENT itself. Returns the request's
   * length, -EAGAIN when there is none, -ENODEV when the mount is gone, -ECONNABORTED when it went while
   * a request was on its way here.
   */
  receive(head: Uint8Array, payload: Uint8Array): number;
  /** Writes the first `byteCount` bytes of `message` as one reply. The count written, or -errno. */
  reply(message: Uint8Array, byteCount: number): number;
  /**
   * Writes `headerBytes` of `header` and then `byteCount` bytes of `data` from `offset`, at once. A
   * promise, if data threads write them: until then `data` is theirs.
   */
  replyRange(
    header: Uint8Array,
    headerBytes: number,
    data: Uint8Array,
    offset: number,
    byteCount: number,
  ): number | Promise<number>;
  /** Writes `headerBytes` of `header` and then every part (at most 1000), as `replyRange` does. */
  replyVector(
    header: Uint8Array,
    headerBytes: number,
    parts: readonly Uint8Array[],
  ): number | Promise<number>;
  /**
   * Hands `message` (copied) to this channel's notify thread, which writes it to the kernel: a
   * notification written from the serving thread deadlocks it while a READ of that inode waits.
   * Resolves with the result of the write, 0 or -errno; with -EAGAIN when 4096 messages or 16 MiB
   * are on their way already, and with -ECANCELED when the channel is closed before the answer.
   */
  notify(message: Uint8Array): Promise<number>;
  /** Stops and later resumes `onReadable`, for back-pressure. */
  pause(): void;
  resume(): void;
  /**
   * Stops watching, ends the notify thread and settles the promises of replies. Does not close the
   * descriptor, and never waits for the kernel: a thread that it holds back in a write ends when the
   * kernel lets go of it, and keeps the connection open until then (MNT_FORCE, or
   * /sys/fs/fuse/connections, breaks it). Idempotent.
   */
  close(): void;
}
