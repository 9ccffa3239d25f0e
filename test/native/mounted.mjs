/**
 * A file system of one file, written by hand on the bare addon: what the mount tests run in a child
 * process, since a process must never wait for a mount that it serves itself.
 *
 *   node mounted.mjs direct|clone|fusermount DIRECTORY
 *
 * It says { ready } once INIT is answered and obeys the messages of `commands` below, each of which
 * is answered by one message. It ends when the mount is gone.
 */

import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [how, directory] = process.argv.slice(2);
const addon = createRequire(import.meta.url)("node-gyp-build")(
  fileURLToPath(new URL("../..", import.meta.url)),
);

const [ENOENT, EAGAIN, ENODEV, ENOSYS, ECONNABORTED] = [2, 11, 19, 38, 103];
const [MS_NOSUID, MS_NODEV] = [2, 4];
const [MNT_FORCE, MNT_DETACH] = [1, 2];
const OPCODE = { lookup: 1, forget: 2, getattr: 3, open: 14, read: 15, release: 18, init: 26 };
const NOTIFY_INVALIDATE_INODE = 2;
const HEADER_BYTES = 16;
const ATTRIBUTE_BYTES = 88;
const FILE = 2n;
const FILE_BYTES = 1 << 20;

/** The file's bytes, on huge pages; both ways of replying from memory are used, in turns. */
const content = new Uint8Array(addon.allocateHuge(2 << 20)).subarray(0, FILE_BYTES);
for (let i = 0; i < content.length; i++) content[i] = (i * 31 + (i >> 12)) & 0xff;

const slot = Buffer.alloc((1 << 20) + 4096);
const payload = Buffer.alloc(1 << 20);
const channels = [];
const held = [];
let holding = false;
let reads = 0;

function say(message) {
  process.send(message);
}

function header(unique, error, bodyBytes) {
  const message = Buffer.alloc(HEADER_BYTES + bodyBytes);
  message.writeUInt32LE(message.length, 0);
  message.writeInt32LE(error, 4);
  message.writeBigUInt64LE(unique, 8);
  return message;
}

function answer(channel, unique, error, body = Buffer.alloc(0)) {
  const message = header(unique, error, body.length);
  body.copy(message, HEADER_BYTES);
  channel.reply(message, message.length);
}

function attributes(nodeid) {
  const body = Buffer.alloc(ATTRIBUTE_BYTES);
  body.writeBigUInt64LE(nodeid, 0);
  body.writeBigUInt64LE(nodeid === FILE ? BigInt(FILE_BYTES) : 0n, 8);
  body.writeUInt32LE(nodeid === FILE ? 0o100444 : 0o040555, 60);
  body.writeUInt32LE(1, 64);
  return body;
}

function lookup(channel, unique, name) {
  if (name !== "file") return answer(channel, unique, -ENOENT);
  const entry = Buffer.alloc(40);
  entry.writeBigUInt64LE(FILE, 0);
  answer(channel, unique, 0, Buffer.concat([entry, attributes(FILE)]));
}

function read(channel, unique, offset, byteCount) {
  const count = Math.max(0, Math.min(byteCount, FILE_BYTES - offset));
  const head = header(unique, 0, 0);
  head.writeUInt32LE(HEADER_BYTES + count, 0);
  if (reads++ % 2 === 0) return channel.replyRange(head, HEADER_BYTES, content, offset, count);
  const half = count >> 1;
  const parts = [
    content.subarray(offset, offset + half),
    content.subarray(offset + half, offset + count),
  ];
  return channel.replyVector(head, HEADER_BYTES, parts);
}

function initialize(channel, unique) {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(31, 4);
  body.writeUInt32LE(1 << 20, 8);
  body.writeUInt32LE(1 << 20, 20);
  answer(channel, unique, 0, body);
  if (how === "clone") serve(positive(addon.cloneDevice(fd), "clone"));
  say({ ready: true, channels: channels.length });
}

function dispatch(channel, length) {
  const unique = slot.readBigUInt64LE(8);
  const nodeid = slot.readBigUInt64LE(16);
  switch (slot.readUInt32LE(4)) {
    case OPCODE.init:
      return initialize(channel, unique);
    case OPCODE.lookup:
      return lookup(channel, unique, slot.toString("utf8", 40, length - 1));
    case OPCODE.getattr:
      return answer(channel, unique, 0, Buffer.concat([Buffer.alloc(16), attributes(nodeid)]));
    case OPCODE.open:
      return answer(channel, unique, 0, Buffer.alloc(16));
    case OPCODE.read: {
      const reply = read.bind(
        undefined,
        channel,
        unique,
        Number(slot.readBigUInt64LE(48)),
        slot.readUInt32LE(56),
      );
      if (!holding) return reply();
      if (held.push(reply) === 1) say({ held: true });
      return undefined;
    }
    case OPCODE.release:
      return answer(channel, unique, 0);
    case OPCODE.forget:
      return undefined;
    default:
      return answer(channel, unique, -ENOSYS);
  }
}

function serve(descriptor) {
  const channel = addon.openChannel({
    fd: descriptor,
    onReadable() {
      for (;;) {
        const length = channel.receive(slot, payload);
        if (length === -EAGAIN) return;
        if (length === -ENODEV || length === -ECONNABORTED) return end();
        dispatch(channel, positive(length, "receive"));
      }
    },
  });
  channels.push({ channel, descriptor });
}

/** The mount is gone: nothing is left that keeps this process running, so that it must exit now. */
function end() {
  for (const { channel, descriptor } of channels.splice(0)) {
    channel.close();
    addon.closeDescriptor(descriptor);
  }
  if (process.connected) {
    say({ ended: true });
    process.disconnect();
  }
}

function invalidation() {
  const message = header(0n, NOTIFY_INVALIDATE_INODE, 24);
  message.writeBigUInt64LE(FILE, HEADER_BYTES);
  return message;
}

const commands = {
  hold() {
    holding = true;
    say({ holding: true });
  },
  letGo() {
    holding = false;
    for (const reply of held.splice(0)) reply();
    say({ letGo: true });
  },
  /** Answers twice: as soon as the kernel holds the notification back, and with the result. */
  async notifyHeld() {
    const notified = channels[0].channel.notify(invalidation());
    await threadHeldBack();
    say({ notifying: true });
    say({ notified: await notified });
  },
  async notify() {
    say({ notified: await channels[0].channel.notify(invalidation()) });
  },
  /** Closes the channel under a notification, and breaks the connection, as one who gives up does. */
  async abandon() {
    const notified = channels[0].channel.notify(invalidation());
    await threadHeldBack();
    channels[0].channel.close();
    say({ abandoned: await notified });
    addon.unmount(directory, MNT_FORCE);
    addon.unmount(directory, MNT_DETACH);
    end();
  },
  unmount() {
    const isRoot = process.getuid() === 0;
    const byFusermount = () => spawnSync("fusermount3", ["-u", "-z", "--", directory]).status;
    say({ unmounted: isRoot ? addon.unmount(directory, MNT_DETACH) : byFusermount() });
  },
};

/** Returns once a thread of this process sleeps uninterruptibly, as in wait for a page's lock. */
async function threadHeldBack() {
  const held = (task) => / D /.test(readFileSync(`/proc/self/task/${task}/stat`, "utf8"));
  while (!readdirSync("/proc/self/task").some(held)) await new Promise(setImmediate);
}

function positive(result, what) {
  if (result >= 0) return result;
  throw new Error(`${what}: errno ${-result}`);
}

function mountDirectly() {
  const device = positive(addon.openDevice(), "open");
  const options = `fd=${device},rootmode=40000,user_id=${process.getuid()},group_id=${process.getgid()}`;
  positive(addon.mount("test", directory, "fuse.test", MS_NOSUID | MS_NODEV, options), "mount");
  return device;
}

function mountByFusermount() {
  const [ours, theirs] = addon.socketPair();
  const child = spawn("fusermount3", ["-o", "fsname=test,subtype=test", "--", directory], {
    stdio: ["ignore", "inherit", "inherit", theirs],
    env: { ...process.env, _FUSE_COMMFD: "3" },
  });
  child.on("error", (error) => {
    throw error;
  });
  addon.closeDescriptor(theirs);
  const device = positive(addon.receiveDescriptor(ours, 10_000), "handshake");
  addon.closeDescriptor(ours);
  return device;
}

process.on("message", (command) => commands[command]());
const fd = how === "fusermount" ? mountByFusermount() : mountDirectly();
serve(fd);
