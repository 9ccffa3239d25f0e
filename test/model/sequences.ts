/** Random trees and random sequences of steps. Names are few, so that they meet. */

import fc from "fast-check";

import * as commands from "./commands.ts";

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b") },
  { weight: 1, arbitrary: fc.constantFrom("a-", "a.b", "é", "😀") },
);
const depth = fc.constantFrom(1, 1, 1, 2, 2, 2, 3);
const path = depth
  .chain((names) => fc.array(name, { minLength: names, maxLength: names }))
  .map((names) => names.join("/"));
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

/** What a program does in the mount. */
const within: fc.Arbitrary<commands.Step>[] = [
  fc
    .tuple(path, fc.boolean(), fc.constantFrom(false, false, true))
    .map(([p, truncate, exclusive]) => commands.create(p, { truncate, exclusive })),
  path.map(commands.openToRead),
  fc
    .tuple(pick, content, fc.constantFrom(0, 0, 0, 0, 0, 1, -1))
    .map(([p, data, by]) => commands.write(p, data === "" ? "x" : data, by)),
  fc
    .tuple(pick, fc.nat(3), fc.integer({ min: 1, max: 9 }))
    .map(([p, o, n]) => commands.read(p, o, n)),
  pick.map(commands.sync),
  pick.map(commands.close),
  pick.map(commands.close),
  path.map(commands.stat),
  path.map(commands.makeDirectory),
  path.map(commands.removeDirectory),
  path.map(commands.unlink),
  path.map(commands.unlink),
  fc.tuple(path, path).map(([from, to]) => commands.rename(from, to)),
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

/** On a kernel mount another process makes this call, and its birth closes copies of all handles. */
const truncating = fc.tuple(path, fc.nat(3)).map(([p, size]) => commands.truncate(p, size));

const passing = fc.constantFrom(50, 500, 2000).map(commands.pass);

interface Length {
  readonly stepsMax: number;
  readonly truncates: boolean;
}

function commandsOf(steps: fc.Arbitrary<commands.Step>[], { stepsMax, truncates }: Length) {
  return fc.commands(truncates ? [...steps, truncating] : steps, {
    maxCommands: stepsMax,
    size: "max",
  });
}

export const sequences = {
  /** The mount is alone: whatever it believes, and for however long, is right. */
  alone: (length: Length) => commandsOf([...within, passing], length),
  /** Somebody else is at work: what the mount was told is to be asked for again. */
  shared: (length: Length) => commandsOf([...within, ...behind], length),
};
