/** One set of credentials for all requests: when the source is asked, and what is told of it. */

import { beforeEach, describe, expect, test, vi } from "vitest";

import { deferred } from "../../src/base/deferred.ts";
import { type LogLevel, silentLog } from "../../src/base/log.ts";
import { CachedCredentials, type ExpiringCredentials } from "../../src/s3/credentials.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const KEYS = { accessKeyId: "AKIDLAST", secretAccessKey: "very-secret" };

let nowMs: number;
let random: number;
let asked: number;
let lifeMs: number;
let failure: string | undefined;
let lines: string[];

beforeEach(() => {
  nowMs = 1_700_000_000_000;
  random = 0;
  asked = 0;
  lifeMs = HOUR;
  failure = undefined;
  lines = [];
});

const write = (level: LogLevel) => (message: string) => lines.push(`${level}: ${message}`);
const log = {
  ...silentLog,
  debugEnabled: true,
  debug: write("debug"),
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
};

/** A source that numbers what it gives, or fails. */
function numbered(): CachedCredentials {
  return cached(async () => {
    asked++;
    if (failure !== undefined) throw new Error(failure);
    return { ...KEYS, sessionToken: String(asked), expiration: new Date(nowMs + lifeMs) };
  });
}

function cached(provider: () => Promise<ExpiringCredentials>): CachedCredentials {
  return new CachedCredentials(provider, log, { now: () => nowMs, random: () => random });
}

async function tokenOf(credentials: CachedCredentials): Promise<string | undefined> {
  return (await credentials.get()).sessionToken;
}

/** As a request does; what it started behind itself has ended. */
async function request(credentials: CachedCredentials): Promise<string> {
  const token = await tokenOf(credentials).catch((error: Error) => error.message);
  await new Promise((resolve) => setImmediate(resolve));
  return token ?? "";
}

test("what ends on its way here has ended, and the log says when", async () => {
  let wayMs = 0;
  const credentials = cached(async () => {
    const expiration = new Date(nowMs + lifeMs);
    nowMs += wayMs;
    if (failure !== undefined) throw new Error(failure);
    return { ...KEYS, sessionToken: String(++asked), expiration };
  });
  await request(credentials);
  const end = new Date(nowMs + HOUR).toISOString();
  nowMs += HOUR - 1;
  [lifeMs, wayMs] = [1, 2];
  await request(credentials);
  failure = "the token has expired";
  nowMs += 2 * SECOND;
  expect(await request(credentials)).toContain(failure);
  expect(lines.filter((line) => line.startsWith("error"))).toEqual([
    expect.stringContaining(`the credentials ended at ${end} and cannot be renewed`),
  ]);
});

test("the source is asked once, however many wait for it", async () => {
  const answer = deferred<ExpiringCredentials>();
  const credentials = cached(() => {
    asked++;
    return answer.promise;
  });
  const waiting = [credentials.get(), credentials.get(), credentials.get()];
  answer.resolve(KEYS);
  expect(await Promise.all(waiting)).toEqual([KEYS, KEYS, KEYS]);
  nowMs += 1000 * HOUR;
  expect(await credentials.get()).toBe(KEYS);
  expect(asked).toBe(1);
});

describe("renewal", () => {
  test.each([
    [0, 5 * MINUTE],
    [0.5, 7.5 * MINUTE],
    [1, 10 * MINUTE],
  ])("comes five to ten minutes before the end, by chance: %f", async (chance, leadMs) => {
    random = chance;
    const credentials = numbered();
    await request(credentials);
    nowMs += HOUR - leadMs - 1;
    await request(credentials);
    expect(asked).toBe(1);
    nowMs += 1;
    await request(credentials);
    expect(asked).toBe(2);
  });

  test("of short credentials comes when a quarter to a half of their life is left", async () => {
    lifeMs = 8 * SECOND;
    random = 1;
    const credentials = numbered();
    await request(credentials);
    nowMs += 4 * SECOND;
    await request(credentials);
    expect(asked).toBe(2);
  });

  test("happens once, behind the requests, which are signed with the old ones", async () => {
    const answer = deferred<ExpiringCredentials>();
    const credentials = cached(async () => {
      asked++;
      if (asked > 1) return answer.promise;
      return { ...KEYS, sessionToken: "old", expiration: new Date(nowMs + HOUR) };
    });
    await request(credentials);
    nowMs += 56 * MINUTE;
    const old = [credentials.get(), credentials.get()];
    expect(await Promise.all(old.map(async (one) => (await one).sessionToken))).toEqual([
      "old",
      "old",
    ]);
    answer.resolve({ ...KEYS, sessionToken: "new" });
    await request(credentials);
    expect(await tokenOf(credentials)).toBe("new");
    expect(asked).toBe(2);
  });

  test("that fails leaves the old ones in force to their last moment, and is told once", async () => {
    const credentials = numbered();
    await request(credentials);
    failure = "STS is down";
    nowMs += 55 * MINUTE;
    for (let left = 5 * MINUTE; left > 0; left -= SECOND) {
      expect(await request(credentials)).toBe("1");
      nowMs += SECOND;
    }
    expect(lines.filter((line) => line.startsWith("warn: "))).toEqual([
      expect.stringMatching(/cannot be renewed, and those at hand end at 2023-.*: STS is down/),
    ]);
    // 300 requests; the pauses grow to half a minute.
    expect(asked).toBeLessThan(30);

    expect(await request(credentials)).toContain("no credentials: STS is down");
    const before = asked;
    for (let count = 0; count < 100; count++) await request(credentials);
    expect(asked - before).toBe(0);
    expect(lines.filter((line) => line.startsWith("error: "))).toEqual([
      expect.stringMatching(/the credentials ended at .* cannot be renewed: .*STS is down/),
    ]);
  });

  test("works again by itself within half a minute of the source", async () => {
    const credentials = numbered();
    await request(credentials);
    failure = "STS is down";
    for (let passed = 0; passed < 2 * HOUR; passed += MINUTE) {
      nowMs += MINUTE;
      await request(credentials);
    }
    failure = undefined;
    nowMs += 30 * SECOND;
    expect(await request(credentials)).toBe(String(asked));
    expect(lines.at(-1)).toMatch(/^info: got credentials: .* after \d+ failures$/);
  });

  test("of an instance that gives the same once more does not become a storm", async () => {
    const end = nowMs + 6 * MINUTE;
    const credentials = cached(async () => {
      asked++;
      return { ...KEYS, expiration: new Date(end) };
    });
    while (nowMs < end) {
      await request(credentials);
      nowMs += 100;
    }
    expect(asked).toBeLessThan(30);
  });
});

test("a source whose credentials end at once is asked once a second", async () => {
  lifeMs = 10;
  const credentials = numbered();
  for (let passed = 0; passed < 10 * SECOND; passed += 10) {
    expect(await request(credentials)).toMatch(/^\d+$|none that last any longer/);
    nowMs += 10;
  }
  expect(asked).toBeLessThan(12);
});

test("credentials that have ended by our clock when they are given are tried", async () => {
  lifeMs = -HOUR;
  const credentials = numbered();
  expect(await request(credentials)).toBe("1");
  for (let count = 0; count < 100; count++) await request(credentials);
  expect(asked).toBe(1);
  nowMs += 2 * MINUTE;
  expect(await request(credentials)).toBe("2");
});

describe("a refusal by the server", () => {
  test("makes the source be asked at once, and by requests with the old ones no second time", async () => {
    const credentials = numbered();
    const old = await credentials.get();
    expect(credentials.refused(old)).toBe(true);
    expect(await tokenOf(credentials)).toBe("2");
    expect(credentials.refused(old)).toBe(true);
    expect(await tokenOf(credentials)).toBe("2");
  });

  test("of whatever the source gives makes it be asked twice a minute at most", async () => {
    const credentials = numbered();
    for (let passed = 0; passed < 10 * MINUTE; passed += SECOND) {
      credentials.refused(await credentials.get());
      nowMs += SECOND;
    }
    expect(asked).toBeLessThanOrEqual(22);
  });

  test("leaves the old ones when there are no others: the server is the one to refuse", async () => {
    const credentials = numbered();
    const old = await credentials.get();
    failure = "the role is gone";
    expect(credentials.refused(old)).toBe(true);
    expect(await tokenOf(credentials)).toBe("1");
    expect(credentials.refused(old)).toBe(false);
  });
});

test("a source that never answers does not hold requests for ever", async ({ onTestFinished }) => {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const waiting = cached(() => new Promise(() => {})).get();
  const outcome = expect(waiting).rejects.toMatchObject({
    kind: "no-credentials",
    message: expect.stringContaining("no answer within 60 s"),
  });
  await vi.advanceTimersByTimeAsync(60_000);
  await outcome;
});

test("the debug log names the source and the end, and nothing that signs", async () => {
  const credentials = cached(async () => ({
    ...KEYS,
    sessionToken: "very-secret-token",
    expiration: new Date(nowMs + HOUR),
    source: "the environment",
  }));
  await credentials.get();
  expect(lines).toEqual([
    "debug: got credentials from the environment: the access key that ends in LAST, until 2023-11-14T23:13:20.000Z",
  ]);
});
