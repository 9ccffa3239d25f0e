/**
 * Programs that use a mount while its server is away for a minute: each is served in the end or told EIO
 * in bounded time, what was acknowledged is in the bucket, and of the rest nothing is. Both ways to be
 * away are tried at one time, because all of it is waiting.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern, sha256 } from "../rigs/bytes.ts";
import { Child } from "../rigs/child.ts";
import { Weather } from "./weather.ts";

const OUTAGE_MS = 60_000;
/** Before its end: few enough attempts fail by then. */
const LATE_MS = 4_000;
/**
 * Ten attempts at a server that refuses take 46 s of pauses at most; one that is silent costs 30 s
 * each time, but its outage ends; giving up an upload takes 30 s more. The rest is for a busy machine.
 */
const BOUND_MS = 120_000;
const EIO = 5;

const LARGE = pattern(711, 24 * MIB);
const SMALL = pattern(712, 100_000);

/**
 * A program that uses the mount, in a process of its own, because what it waits for blocks a thread. It
 * says "ready" before the outage, goes on when it is told to, and ends with 0 or the number of its error.
 */
const USER = `
import hashlib, os, sys
task, path, seed = sys.argv[1], sys.argv[2], sys.argv[3]
STEP = 1 << 20

def ready():
  print("ready", flush=True)
  sys.stdin.readline()

def write(fd, data):
  while data: data = data[os.write(fd, data[:STEP]):]

def read(fd, digest):
  while True:
    data = os.read(fd, STEP)
    if not data: return
    digest.update(data)

digest = hashlib.sha256()
try:
  if task == "read":
    ready()
    fd = os.open(path, os.O_RDONLY)
    read(fd, digest)
  elif task == "read-on":
    fd = os.open(path, os.O_RDONLY)
    digest.update(os.read(fd, STEP))
    ready()
    read(fd, digest)
  elif task == "list":
    ready()
    for name in sorted(os.listdir(path)): digest.update(name.encode())
  else:
    data = hashlib.shake_256(seed.encode()).digest((24 << 20) if task == "write-on" else 100000)
    digest.update(data)
    if task == "write": ready()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    first = len(data) if task == "close" else (18 << 20) if task == "write-on" else 0
    write(fd, data[:first])
    if task != "write": ready()
    write(fd, data[first:])
    os.close(fd)
  print(digest.hexdigest())
except OSError as error:
  sys.exit(error.errno)
`;

type Way = "whileServerIsDown" | "whileServerIsSilent";

interface User {
  readonly name: string;
  readonly child: Child;
  /** What is written, if it writes. */
  readonly key: string | undefined;
}

/** Everything that is done with files, each by one that is ready to. */
async function users(weather: Weather, time: string, way: Way): Promise<User[]> {
  const tasks = [
    ["read", "small"],
    ["read-on", `large-${time}`],
    ["list", ""],
    ["write", `written-${time}`],
    ["write-on", `grown-${time}`],
    ["close", `closed-${time}`],
  ] as const;
  return Promise.all(
    tasks.map(async ([task, path]) => {
      const args = ["-c", USER, task, weather.path(path), `${task} ${time}`];
      const child = new Child("python3", args, { stdio: ["pipe", "pipe", "pipe"] });
      await child.waitForOutput(/ready\n/);
      const writes = task === "write" || task === "write-on" || task === "close";
      return { name: `${task} ${time} ${way}`, child, key: writes ? path : undefined };
    }),
  );
}

interface Outcome {
  readonly user: string;
  readonly code: number | null;
  readonly sum: string;
  readonly tookMs: number;
}

/** Has `user` go on, and waits for its end. */
async function outcomeOf({ child, name }: User): Promise<Outcome> {
  const startedMs = Date.now();
  child.process.stdin?.write("go\n");
  const { code } = await child.exitWithin(BOUND_MS);
  const sum = child.stdout.trimEnd().split("\n").at(-1) ?? "";
  return { user: name, code, sum, tookMs: Date.now() - startedMs };
}

/**
 * Has everything done with files of `weather`, early and late in an outage and after it, and judges
 * what came of it.
 */
async function useThroughOutage(weather: Weather, way: Way): Promise<void> {
  await weather.bucket.put("small", SMALL);
  for (const time of ["early", "late", "after"]) await weather.bucket.put(`large-${time}`, LARGE);
  const early = await users(weather, "early", way);
  const late = await users(weather, "late", way);
  const outcomes: Promise<Outcome>[] = [];
  await weather[way](async () => {
    outcomes.push(...early.map(outcomeOf));
    await delay(OUTAGE_MS - LATE_MS);
    outcomes.push(...late.map(outcomeOf));
    // Awaited below: a rejection meanwhile is not unhandled.
    for (const outcome of outcomes) outcome.catch(() => {});
    await delay(LATE_MS);
  });
  const all = await Promise.all(outcomes);
  for (const { code, tookMs, user } of all) {
    expect([0, EIO], user).toContain(code);
    expect(tookMs, user).toBeLessThan(BOUND_MS);
  }
  // Who came late has hardly noticed, but for the one whose parts were on their way all the time.
  expectServed(all.filter(({ user }) => / late /.test(user) && !user.startsWith("write-on ")));
  await expectKept(weather, [...early, ...late], all);
  expectServed(await Promise.all((await users(weather, "after", way)).map(outcomeOf)));
  expect(weather.mount.child.stdout).toMatch(/WARN s3: .*; attempt \d+ of 10 follows in \d+ ms/);
  // What failed is cleaned up once the server is back.
  await expect.poll(() => weather.bucket.uploads(), { timeout: BOUND_MS }).toEqual([]);
}

function expectServed(outcomes: readonly Outcome[]): void {
  expect(outcomes.length).toBeGreaterThan(0);
  expect(outcomes.filter(({ code }) => code !== 0)).toEqual([]);
}

/** What was read is right, and what was acknowledged is there; what was not, is not. */
async function expectKept(
  weather: Weather,
  all: readonly User[],
  outcomes: readonly Outcome[],
): Promise<void> {
  const contents: Record<string, string> = { read: sha256(SMALL), "read-on": sha256(LARGE) };
  for (const [index, { code, sum, user }] of outcomes.entries()) {
    const [task = ""] = user.split(" ");
    const expected = contents[task];
    if (code === 0 && expected !== undefined) expect(sum, user).toBe(expected);
    const key = all[index]?.key;
    if (key === undefined) continue;
    const stored = await weather.bucket.get(key);
    expect(stored && sha256(stored), user).toBe(code === 0 ? sum : undefined);
  }
}

let dead: Weather;
let silent: Weather;

beforeAll(async () => {
  dead = await Weather.start({ durable: true });
  silent = await Weather.start({ durable: true });
});

afterAll(async () => {
  const weathers = [dead, silent];
  // Whoever closes its weather takes what still runs for a leak.
  for (const { mount } of weathers) if (mount.child.running) await mount.stop();
  for (const weather of weathers) await weather.close();
});

test("a server that is dead or silent for a minute costs nobody more than an error, and nothing that was acknowledged", async () => {
  await Promise.all([
    useThroughOutage(dead, "whileServerIsDown"),
    useThroughOutage(silent, "whileServerIsSilent"),
  ]);
}, 600_000);
