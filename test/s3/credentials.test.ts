import { expect, test } from "vitest";

import { deferred } from "../../src/base/deferred.ts";
import { CachedCredentials, type ExpiringCredentials } from "../../src/s3/credentials.ts";

const KEYS = { accessKeyId: "a", secretAccessKey: "b" };

test("the provider is asked once, however many wait for it", async () => {
  const answer = deferred<ExpiringCredentials>();
  let asked = 0;
  const cached = new CachedCredentials(() => {
    asked++;
    return answer.promise;
  });
  const waiting = [cached.get(), cached.get(), cached.get()];
  answer.resolve(KEYS);
  expect(await Promise.all(waiting)).toEqual([KEYS, KEYS, KEYS]);
  expect(await cached.get()).toBe(KEYS);
  expect(asked).toBe(1);
});

test("credentials are renewed five minutes before they expire", async () => {
  let nowMs = 0;
  let asked = 0;
  const cached = new CachedCredentials(
    async () => ({
      ...KEYS,
      accessKeyId: String(++asked),
      expiration: new Date(nowMs + 3_600_000),
    }),
    () => nowMs,
  );
  expect((await cached.get()).accessKeyId).toBe("1");
  nowMs = 3_600_000 - 300_001;
  expect((await cached.get()).accessKeyId).toBe("1");
  nowMs = 3_600_000 - 300_000;
  expect((await cached.get()).accessKeyId).toBe("2");
});

test("credentials that cannot be renewed serve until they expire, and failures are not kept", async () => {
  let nowMs = 0;
  let broken: boolean = false;
  const cached = new CachedCredentials(
    async () => {
      if (broken) throw new Error("provider is down");
      return { ...KEYS, expiration: new Date(nowMs + 3_600_000) };
    },
    () => nowMs,
  );
  await cached.get();
  broken = true;
  nowMs = 3_500_000;
  expect((await cached.get()).accessKeyId).toBe("a");
  nowMs = 3_600_001;
  await expect(cached.get()).rejects.toThrow("provider is down");
  broken = false;
  expect((await cached.get()).accessKeyId).toBe("a");
});

test("after a refusal the provider is told not to give the same from a cache, until it has given others", async () => {
  const asked: (boolean | undefined)[] = [];
  const cached = new CachedCredentials(async (options) => {
    asked.push(options?.forceRefresh);
    return { ...KEYS };
  });
  const first = await cached.get();
  cached.forget(first);
  const second = await cached.get();
  cached.forget(first);
  expect(await cached.get()).toBe(second);
  expect(asked).toEqual([false, true]);
});
