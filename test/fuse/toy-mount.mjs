/**
 * A mount for the tests, in a process of its own: a tree in memory, served by the built fuse layer
 * through the real addon. It says what it does over the channel of `fork`, and takes orders there.
 *
 * Reads of the file "hang" never end, a lookup of "stuck" ends on order; "slow" files answer a turn later.
 */

import { mountDirectory, serve } from "../../dist/fuse/index.js";
import { createBlockPool, Intake } from "../../dist/memory/index.js";
import { addon } from "../../dist/native/index.js";

const EBADF = 9;
const EEXIST = 17;
const ENOENT = 2;
const ENOTEMPTY = 39;
const EINVAL = 22;

const [directory, flags = "{}"] = process.argv.slice(2);
const mountFlags = JSON.parse(flags);

const nodes = new Map();
const counts = new Map();
const calls = {};
let lastIno = 0;
let lastFh = 0;
const open = new Map();
const failures = [];

function fail(errno) {
  return Object.assign(new Error(`errno ${errno}`), { errno });
}

function make(kind, parent, name, mode, bytes = Buffer.alloc(0)) {
  lastIno += 1;
  const node = {
    ino: lastIno,
    kind,
    parent,
    name,
    mode,
    bytes,
    mtimeMs: Date.now(),
    children: new Map(),
  };
  nodes.set(node.ino, node);
  if (parent !== undefined) parent.children.set(name, node);
  return node;
}

function attributesOf(node) {
  const { ino, kind, mode, mtimeMs } = node;
  return {
    ino,
    kind,
    mode,
    nlink: 1,
    uid: process.getuid(),
    gid: 0,
    sizeBytes: node.bytes.length,
    atimeMs: mtimeMs,
    mtimeMs,
    ctimeMs: mtimeMs,
  };
}

function entryOf(node) {
  return { attributes: attributesOf(node), entryValidMs: 1000, attributesValidMs: 1000 };
}

function count(node) {
  counts.set(node.ino, (counts.get(node.ino) ?? 0) + 1);
  return entryOf(node);
}

function nodeOf(ino) {
  const node = nodes.get(ino);
  if (node === undefined) throw fail(ENOENT);
  return node;
}

function childOf(parent, name) {
  const child = nodeOf(parent).children.get(name);
  if (child === undefined) throw fail(ENOENT);
  return child;
}

function handle(node) {
  lastFh += 1;
  open.set(lastFh, node);
  return { fh: lastFh };
}

function opened(fh) {
  const node = open.get(fh);
  if (node === undefined) throw fail(EBADF);
  return node;
}

function add(kind, parent, name, mode) {
  const node = nodeOf(parent);
  if (node.children.has(name)) throw fail(EEXIST);
  return make(kind, node, name, mode & 0o7777);
}

function remove(parent, name) {
  const child = childOf(parent, name);
  if (child.children.size > 0) throw fail(ENOTEMPTY);
  nodeOf(parent).children.delete(name);
}

const operations = {
  lookup(parent, name) {
    const child = childOf(parent, name);
    if (!name.startsWith("stuck")) return count(child);
    process.send({ hanging: true });
    return new Promise((resolve) => {
      unstick = () => resolve(count(child));
    });
  },
  forget(ino, lookups) {
    const left = (counts.get(ino) ?? 0) - lookups;
    if (left < 0) failures.push(`inode ${ino} forgotten ${-left} times too often`);
    if (left === 0) counts.delete(ino);
    else counts.set(ino, left);
  },
  getattr: (ino) => ({ attributes: attributesOf(nodeOf(ino)), validMs: 1000 }),
  setattr(ino, changes) {
    const node = nodeOf(ino);
    if (changes.mode !== undefined) node.mode = changes.mode;
    if (changes.sizeBytes !== undefined) {
      const bytes = Buffer.alloc(changes.sizeBytes);
      node.bytes.copy(bytes);
      node.bytes = bytes;
    }
    if (changes.mtimeMs !== undefined) {
      node.mtimeMs = changes.mtimeMs === "now" ? Date.now() : changes.mtimeMs;
    }
    return { attributes: attributesOf(node), validMs: 1000 };
  },
  mknod: (parent, name, mode) => count(add("file", parent, name, mode)),
  mkdir: (parent, name, mode) => count(add("directory", parent, name, mode)),
  unlink: remove,
  rmdir: remove,
  rename({ parent, name, newParent, newName }) {
    const child = childOf(parent, name);
    nodeOf(parent).children.delete(name);
    nodeOf(newParent).children.set(newName, child);
  },
  open: (ino) => handle(nodeOf(ino)),
  create(parent, name, { mode }) {
    const node = add("file", parent, name, mode);
    return { entry: count(node), opened: handle(node) };
  },
  read(fh, offset, byteCount) {
    const node = opened(fh);
    if (node.name.startsWith("hang")) return new Promise(() => process.send({ hanging: true }));
    const end = Math.min(node.bytes.length, offset + byteCount);
    const middle = Math.min(end, offset + 1000);
    const whole = offset >= end ? [] : [node.bytes.subarray(offset, end)];
    const split = [node.bytes.subarray(offset, middle), node.bytes.subarray(middle, end)];
    const parts = node.name.startsWith("slow") && whole.length > 0 ? split : whole;
    lent += 1;
    const reply = {
      parts,
      release() {
        lent -= 1;
      },
    };
    return node.name.startsWith("slow") ? later(reply) : reply;
  },
  write(fh, offset, data) {
    const node = opened(fh);
    const take = () => {
      if (offset !== node.bytes.length) throw fail(EINVAL);
      node.bytes = Buffer.concat([node.bytes, data]);
      return data.length;
    };
    return node.name.startsWith("slow") ? later().then(take) : take();
  },
  flush() {},
  fsync() {},
  release(fh) {
    open.delete(fh);
  },
  opendir: (ino) => handle(nodeOf(ino)),
  readdir(fh, offset, writer) {
    const node = opened(fh);
    const dots = [".", ".."].map((name) => ({ name, ino: node.ino, kind: "directory" }));
    const children = [...node.children].map(([name, child]) => ({ name, child }));
    const all = [...dots, ...children];
    for (let index = offset; index < all.length; index += 1) {
      const { name, child = node } = all[index];
      const entry = index < dots.length ? {} : { entry: entryOf(child) };
      const kind = child.kind;
      if (!writer.add({ name, ino: child.ino, kind, nextOffset: index + 1, ...entry })) return;
      if (writer.plus && index >= dots.length) count(child);
    }
  },
  releasedir(fh) {
    open.delete(fh);
  },
  statfs: () => ({
    blockBytes: 4096,
    fragmentBytes: 4096,
    blocks: 1000n,
    blocksFree: 500n,
    blocksAvailable: 400n,
    files: 300n,
    filesFree: 200n,
    nameBytesMax: 255,
  }),
};

let lent = 0;
let unstick = () => {};

function later(value) {
  return new Promise((resolve) => setTimeout(() => resolve(value), 1));
}

function counted(target) {
  const count =
    (name, operation) =>
    (...args) => {
      calls[name] = (calls[name] ?? 0) + 1;
      return operation(...args);
    };
  return Object.fromEntries(
    Object.entries(target).map(([name, operation]) => [name, count(name, operation)]),
  );
}

const root = make("directory", undefined, "", 0o755);
make("file", root, "hello", 0o644, Buffer.from("hello, world\n"));
make("file", root, "slow", 0o644, Buffer.alloc(3_000_000, "0123456789"));
make("file", root, "hang", 0o644, Buffer.alloc(100_000));
make("file", root, "stuck", 0o644);
make("file", root, "Grüße", 0o600, Buffer.from("\u{1F44B}"));

const log = {
  debugEnabled: false,
  traceEnabled: false,
  trace() {},
  debug() {},
  info() {},
  warn: (message) => failures.push(message),
  error: (message) => failures.push(message),
};

async function obey(order, mounted, session) {
  if (order === "report") {
    // Whatever is on its way at this moment is to be in the books.
    await new Promise((resolve) => setImmediate(resolve));
    const held = Object.fromEntries(counts);
    process.send({ report: { calls, held, open: open.size, lent, failures, ...session.gauges } });
  } else if (order === "unstick") {
    unstick();
  } else if (order === "unmount") {
    await mounted.unmount();
    if (process.connected) process.send({ unmounted: true });
  } else if ("replace" in order) {
    const node = root.children.get(order.replace);
    node.bytes = Buffer.from(order.text);
    await session.invalidateInode(node.ino, 0, 0);
    process.send({ replaced: true });
  } else if ("remove" in order) {
    root.children.delete(order.remove);
    await session.invalidateEntry(root.ino, order.remove);
    process.send({ removed: true });
  }
}

async function main() {
  const mounted = await mountDirectory({
    addon: addon(),
    log,
    directory,
    fsname: "toy",
    subtype: "toy-fs",
    readOnly: false,
    noExec: false,
    allowOther: false,
    allowRoot: false,
    autoUnmount: false,
    ...mountFlags,
  });
  const pool = createBlockPool({
    budgetBytes: 2 ** 20,
    allocate: addon().allocateHuge,
    discard: addon().discard,
  });
  const session = serve({
    addon: addon(),
    intake: new Intake(pool),
    fd: mounted.fd,
    operations: counted(operations),
    errnoOf: (error) => error.errno ?? 5,
    log,
    ...(mounted.allowedUids && { allowedUids: mounted.allowedUids }),
  });
  process.on("message", (order) => {
    obey(order, mounted, session).catch((error) => failures.push(error.message));
  });
  const agreement = await session.initialized;
  const readAheadKib = await mounted.raiseReadAhead();
  process.send({ mounted: { agreement, readAheadKib, directory: mounted.directory } });
  await session.closed;
  mounted.close();
  process.send({ closed: { failures, open: open.size, lent, ...session.gauges } });
  process.disconnect();
}

main().catch((error) => {
  process.send({ failed: { kind: error.kind, message: error.message } });
  process.disconnect();
});
