/** Random trees and random sequences of steps. Names are few, so that they meet. */

import fc from "fast-check";

import * as commands from "./commands.ts";
import { open } from "./opening.ts";
import { rename } from "./renaming.ts";

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b") },
  { weight: 1, arbitrary: fc.constantFrom("a-", "a.b", "é", "\uff61", "😀") },
);
const depth = fc.constantFrom(1, 1, 1, 2, 2, 2, 3);
const path = fc.oneof(
  // Some meet more often than others.
  { weight: 2, arbitrary: fc.constantFrom("a", "a/b") },
  {
    weight: 3,
    arbitrary: depth
      .chain((names) => fc.array(name, { minLength: names, maxLength: names }))
      .map((names) => names.join("/")),
  },
);
const content = fc.string({ maxLength: 5, unit: "grapheme-ascii" });
const key = fc.oneof(
  { weight: 8, arbitrary: path },
  { weight: 1, arbitrary: path.map((directory) => `${directory}/`) },
  { weight: 1, arbitrary: fc.constantFrom("a//b", "./a", "a/../b", "b/.", "/", "a/\0") },
);
const pick = fc.nat({ max: 7 });

/** What the bucket holds before anything happens. */
export const keys = fc.uniqueArray(fc.tuple(key, content), {
  maxLength: 12,
  selector: ([one]) => one,
});

const sometimes = fc.constantFrom(false, false, true);
const flags = fc.record({
  access: fc.constantFrom("read" as const, "write" as const, "both" as const),
  create: fc.boolean(),
  exclusive: sometimes,
  truncate: sometimes,
  append: sometimes,
  synchronous: fc.constantFrom(false, false, false, false, true),
});

/** What a program does in the mount. */
const within: fc.Arbitrary<commands.Step>[] = [
  fc
    .tuple(path, fc.boolean())
    .map(([p, isNew]) => open(p, { access: "write", create: true, truncate: !isNew })),
  path.map((p) => open(p, { access: "write", append: true })),
  path.map((p) => open(p, { access: "read" })),
  fc.tuple(path, flags).map(([p, how]) => open(p, how)),
  fc
    .tuple(pick, content, fc.constantFrom(0, 0, 0, 0, 0, 1, -1))
    .map(([p, data, by]) => commands.write(p, data === "" ? "x" : data, by)),
  fc
    .tuple(pick, fc.nat(3), fc.integer({ min: 1, max: 9 }))
    .map(([p, o, n]) => commands.read(p, o, n)),
  pick.map(commands.sync),
  pick.map(commands.statHandle),
  pick.map(commands.close),
  pick.map(commands.close),
  path.map(commands.stat),
  path.map(commands.makeDirectory),
  path.map(commands.removeDirectory),
  path.map(commands.unlink),
  path.map(commands.unlink),
  fc.tuple(path, path).map(([from, to]) => rename(from, to)),
  fc.tuple(path, path).map(([from, to]) => rename(from, to)),
  fc
    .tuple(path, fc.constantFrom("times" as const, "mode" as const))
    .map(([p, what]) => commands.setAttributes(p, what)),
];

/** What somebody else does to the bucket. */
const behind: fc.Arbitrary<commands.Step>[] = [
  fc.tuple(key, content).map(([k, c]) => commands.storeBehind(k, c)),
  fc.tuple(path, content).map(([k, c]) => commands.storeBehind(k, c)),
  key.map(commands.removeBehind),
  path.map(commands.removeBehind),
];

/** On a kernel mount these take another process, whose birth closes copies of all handles, or are not ours to do. */
const alone: fc.Arbitrary<commands.Step>[] = [
  fc.tuple(path, fc.nat(3)).map(([p, size]) => commands.truncate(p, size)),
  pick.map(commands.closeCopy),
  fc.constant(null).map(commands.forget),
  pick.map(commands.closeDuplicate),
  fc.tuple(path, path).map(([from, to]) => rename(from, to, 1)),
];

const passing = fc.constantFrom(50, 500, 2000).map(commands.pass);

interface Length {
  readonly stepsMax: number;
  /** Whether what other processes do is done here, and does nothing else. */
  readonly ownsProcess: boolean;
}

function commandsOf(steps: fc.Arbitrary<commands.Step>[], { stepsMax, ownsProcess }: Length) {
  // fc.commands() cannot leave out a step in the middle when it shrinks.
  const step = fc.oneof(...(ownsProcess ? [...steps, ...alone] : steps));
  return fc.array(step, { maxLength: stepsMax, size: "max" });
}

export const sequences = {
  /** The mount is alone: whatever it believes, and for however long, is right. */
  alone: (length: Length) => commandsOf([...within, passing], length),
  /** Somebody else is at work: what the mount was told is to be asked for again. */
  shared: (length: Length) => commandsOf([...within, ...behind], length),
};
