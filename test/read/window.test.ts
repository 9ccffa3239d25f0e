import { describe, expect, test } from "vitest";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { ReadWindow } from "../../src/read/window.ts";

const LIMITS = { bytesMin: 16 * MIB, bytesMax: 128 * MIB };

/**
 * Reads `byteCount` at a speed that may depend on the window. Returns the time, and the window that
 * was the middle one of the second half: trials come and go.
 */
function readOn(
  window: ReadWindow,
  options: {
    readonly byteCount: number;
    readonly startMs?: number;
    /** MiB per millisecond. */
    readonly speed: (windowMiB: number) => number;
    readonly waits?: boolean;
  },
): { readonly nowMs: number; readonly usualMiB: number } {
  let nowMs = options.startMs ?? 0;
  const windows: number[] = [];
  for (let read = 0; read < options.byteCount; read += MIB) {
    nowMs += 1 / options.speed(Math.max(1, window.bytes / MIB));
    window.arrive(MIB);
    window.advance(MIB, nowMs);
    if (options.waits !== false) window.wait();
    if (read > options.byteCount / 2) windows.push(window.bytes / MIB);
  }
  windows.sort((a, b) => a - b);
  return { nowMs, usualMiB: windows[windows.length >> 1] ?? 0 };
}

/** The largest window, in MiB, of a long run at 850 MiB/s, more or less, whatever the window. */
function mostWhileSpeedVaries(seed: number): number {
  const window = new ReadWindow(LIMITS);
  let random = seed;
  let nowMs = 0;
  let speed = 0;
  let changesAtMs = 0;
  let most = 0;
  for (let read = 0; read < 16_384 * MIB; read += MIB) {
    if (nowMs >= changesAtMs) {
      random = (random * 48_271) % 0x7fff_ffff;
      speed = 0.85 * (0.75 + (0.5 * random) / 0x7fff_ffff);
      changesAtMs = nowMs + 25;
    }
    nowMs += 1 / speed;
    window.arrive(MIB);
    window.advance(MIB, nowMs);
    window.wait();
    most = Math.max(most, window.bytes / MIB);
  }
  return most;
}

/** The windows, in MiB, of four readers at the end of a long run, who share what varies by a quarter. */
function windowsOfFour(seed: number): number[] {
  const arrivals = { bytes: 0 };
  const windows = Array.from({ length: 4 }, () => new ReadWindow(LIMITS, arrivals));
  let random = seed;
  const nextRandom = (): number => {
    random = (random * 48_271) % 0x7fff_ffff;
    return random / 0x7fff_ffff;
  };
  // In each millisecond 1.4 MiB come, for one who asks for twice as much twice as often.
  let nowMs = 0;
  for (let round = 0; round < 20_000; round++) {
    nowMs += 1 / (1.4 * (0.75 + 0.5 * nextRandom()));
    const ends: number[] = [];
    for (const { bytes } of windows) ends.push((ends.at(-1) ?? 0) + Math.max(MIB, bytes));
    const drawn = nextRandom() * (ends.at(-1) ?? 0);
    const served = windows[ends.findIndex((end) => drawn <= end)];
    served?.arrive(MIB);
    served?.advance(MIB, nowMs);
    served?.wait();
  }
  return windows.map(({ bytes }) => bytes / MIB);
}

describe("the beginning of a run", () => {
  test("reads ahead four times what was read, until the climb begins at two parts", () => {
    const window = new ReadWindow(LIMITS);
    expect(window.bytes).toBe(0);
    window.advance(128 * KIB, 0);
    expect(window.bytes).toBe(512 * KIB);
    window.advance(128 * KIB, 1);
    expect(window.bytes).toBe(MIB);
    window.advance(10 * MIB, 2);
    expect(window.bytes).toBe(16 * MIB);
  });
});

describe("the climb", () => {
  test("goes on while twice the window is faster", () => {
    const { usualMiB } = readOn(new ReadWindow(LIMITS), {
      byteCount: 8192 * MIB,
      speed: (windowMiB) => windowMiB / 100,
    });
    expect(usualMiB).toBe(128);
  });

  test.each([20, 30, 60, 100])("stops where %d MiB fill the link", (neededMiB) => {
    const { usualMiB } = readOn(new ReadWindow(LIMITS), {
      byteCount: 20_000 * MIB,
      speed: (windowMiB) => Math.min(windowMiB, neededMiB) / 100,
    });
    expect(usualMiB).toBeGreaterThan(neededMiB / 1.2);
    expect(usualMiB).toBeLessThan(neededMiB * 2);
  });

  test("does not begin for a reader who never waits", () => {
    const window = new ReadWindow(LIMITS);
    readOn(window, { byteCount: 4096 * MIB, speed: () => 0.3, waits: false });
    expect(window.bytes).toBe(16 * MIB);
  });

  test("is seldom begun by a speed that varies by a quarter, whatever the window", () => {
    const mostMiB = Array.from({ length: 20 }, (_, seed) => mostWhileSpeedVaries(seed + 1));
    expect(mostMiB.filter((most) => most > 32).length).toBeLessThanOrEqual(5);
  });

  test("is not for who takes from other readers what it gains", () => {
    const windows = Array.from({ length: 20 }, (_, seed) => windowsOfFour(seed + 1)).flat();
    expect(windows.reduce((sum, each) => sum + each, 0) / windows.length).toBeLessThan(24);
  });

  test("goes down again when less is as fast", () => {
    const window = new ReadWindow(LIMITS);
    const speed = (windowMiB: number): number => windowMiB / 100;
    const { nowMs, usualMiB } = readOn(window, { byteCount: 8192 * MIB, speed });
    expect(usualMiB).toBe(128);
    readOn(window, { byteCount: 20_000 * MIB, startMs: nowMs, speed: () => 1, waits: false });
    expect(window.bytes).toBe(16 * MIB);
  });

  test("never leaves its limits", () => {
    const window = new ReadWindow({ bytesMin: 3 * MIB, bytesMax: 10 * MIB });
    const windows = new Set<number>();
    let seed = 1;
    for (let i = 0; i < 20_000; i += 1) {
      seed = (seed * 48_271) % 0x7fff_ffff;
      window.arrive(seed % MIB);
      window.advance(seed % MIB, i * (seed % 7));
      if (seed % 3 === 0) window.wait();
      if (i > 100) windows.add(window.bytes / MIB);
    }
    expect(windows).toEqual(new Set([3, 6]));
  });
});
