/** What is given up: listeners hear of it once, and only those that still listen. */

import { expect, test } from "vitest";
import { Cancellation } from "../../src/base/cancellation.ts";

test("whoever listens is called once, and whoever stopped listening is not", () => {
  const cancellation = new Cancellation();
  const calls: string[] = [];
  const left = (): void => void calls.push("left");
  cancellation.addEventListener("abort", () => void calls.push("first"));
  cancellation.addEventListener("abort", left);
  cancellation.addEventListener("abort", () => void calls.push("last"));
  cancellation.removeEventListener("abort", left);
  expect(cancellation.aborted).toBe(false);
  cancellation.throwIfAborted();
  cancellation.abort();
  cancellation.abort();
  expect(calls).toEqual(["first", "last"]);
});

test("it tells as an AbortSignal does that it was given up, and why", () => {
  const cancellation = new Cancellation();
  const controller = new AbortController();
  cancellation.abort();
  controller.abort();
  expect(cancellation.aborted).toBe(true);
  expect(cancellation.reason).toEqual(controller.signal.reason);
  expect(() => cancellation.throwIfAborted()).toThrow(controller.signal.reason);
  const told = new Cancellation();
  const reason = new Error("enough");
  told.abort(reason);
  told.abort(new Error("too late"));
  expect(told.reason).toBe(reason);
  const late = (): never => expect.unreachable("an event that was is not told again");
  cancellation.addEventListener("abort", late);
  cancellation.abort();
});
