/** Scenarios: what becomes of an append when a request fails, or when somebody else was faster. */

import { constants } from "node:fs";
import { expect } from "vitest";
import type { KeyFault, OpenFile, World } from "../rigs/rig.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { readWhole } from "./whole-file.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants;
const INCREMENTAL = { incrementalUpload: true } as const;
const IMPATIENT = { ...INCREMENTAL, maxAttempts: 1 } as const;
const PUT = { operation: "PutObject", key: "file" } as const;

async function expectObject({ bucket }: World, content: string): Promise<void> {
  expect(String(await bucket.get("file"))).toBe(content);
}

function openToAppend({ tree }: World): Promise<OpenFile> {
  return tree.open("file", O_WRONLY | O_APPEND);
}

/** The file can be appended to again, whatever became of it. */
async function appendAnew(world: World): Promise<void> {
  const { sizeBytes } = await world.tree.stat("file");
  await withFile(openToAppend(world), (file) => file.write(Buffer.from("+"), sizeBytes));
}

/** Each is met once, and got over. */
const PASSING: readonly { readonly what: string; readonly fault: KeyFault }[] = [
  { what: "S3 asks to slow down", fault: { ...PUT, kind: "status", status: 503 } },
  { what: "S3 has an internal error", fault: { ...PUT, kind: "status", status: 500 } },
  { what: "another request is under way", fault: { ...PUT, kind: "status", status: 409 } },
  { what: "the connection breaks before the answer", fault: { ...PUT, kind: "reset" } },
  { what: "the body is cut off", fault: { ...PUT, kind: "drop-upload", afterBytes: 3 } },
  { what: "the reply is lost", fault: { ...PUT, kind: "lost-reply" } },
];

const passing = PASSING.flatMap(({ what, fault }) =>
  [false, true].map(
    (isNew): Scenario => ({
      name: `bytes that are appended to ${isNew ? "a new file" : "an object"} are there once when ${what}`,
      flags: INCREMENTAL,
      needs: ["faults"],
      async run(world) {
        if (!isNew) await world.bucket.put("file", "initial");
        const start = isNew ? 0 : 7;
        const opening = isNew
          ? world.tree.open("file", O_WRONLY | O_CREAT | O_EXCL)
          : openToAppend(world);
        await withFile(opening, async (file) => {
          const armed = await world.fail(fault);
          await file.write(Buffer.from(" one"), start);
          await file.sync();
          expect(await armed.metCount()).toBe(1);
          const again = await world.fail(fault);
          await file.write(Buffer.from(" two"), start + 4);
          await file.sync();
          expect(await again.metCount()).toBe(1);
          await file.write(Buffer.from(" three"), start + 8);
        });
        await expectObject(world, `${isNew ? "" : "initial"} one two three`);
        expect(String(await readWhole(world.tree, "file"))).toMatch(/ one two three$/);
      },
    }),
  ),
);

/** Each ends the writing. */
const LASTING = [
  { what: "S3 refuses it", fault: { status: 403 }, errno: "EACCES" },
  { what: "S3 fails each attempt", fault: { status: 500 }, errno: "EIO" },
  {
    what: "the object has 10,000 parts",
    fault: { status: 400, code: "TooManyParts" },
    errno: "ENOSPC",
  },
  {
    what: "the object is encrypted otherwise",
    fault: { status: 400, code: "EncryptionTypeMismatch" },
    errno: "EIO",
  },
] as const;

const lasting = LASTING.map(
  ({ what, fault, errno }): Scenario => ({
    name: `fsync of what is appended is ${errno} when ${what}, and the object stays`,
    flags: IMPATIENT,
    needs: ["faults"],
    async run(world) {
      await world.bucket.put("file", "initial");
      const file = await world.tree.open("file", O_WRONLY);
      await file.write(Buffer.from(" one"), 7);
      await file.sync();
      await world.fail({ ...PUT, kind: "status", ...fault });
      await file.write(Buffer.from(" two"), 11);
      await expectErrno(errno, file.sync());
      const later = errno === "ENOSPC" ? "EFBIG" : errno;
      await expectErrno(later, file.write(Buffer.from(" two"), 15));
      await expectErrno(later, file.close());
      await expectObject(world, "initial one");
      await appendAnew(world);
      await expectObject(world, "initial one+");
    },
  }),
);

interface Rival {
  readonly what: string;
  readonly errno: string;
  readonly act: (world: World) => Promise<void>;
  /** What is left. */
  readonly left: string;
}

const RIVALS: readonly Rival[] = [
  {
    what: "has replaced the object",
    errno: "ESTALE",
    act: ({ bucket }) => bucket.put("file", "replaced"),
    left: "replaced",
  },
  {
    what: "has replaced the object by one as long",
    errno: "ESTALE",
    act: ({ bucket }) => bucket.put("file", "INITIAL one"),
    left: "INITIAL one",
  },
  {
    what: "has appended to the object",
    errno: "ESTALE",
    act: ({ bucket }) => bucket.append("file", " other"),
    left: "initial one other",
  },
  {
    what: "has appended the same to the object",
    errno: "ESTALE",
    act: ({ bucket }) => bucket.append("file", " two"),
    left: "initial one two",
  },
];

const rivals = RIVALS.map(
  ({ what, errno, act, left }): Scenario => ({
    name: `appending is ${errno} when another client ${what}, whose bytes stay`,
    flags: INCREMENTAL,
    async run(world) {
      await world.bucket.put("file", "initial");
      const file = await openToAppend(world);
      await file.write(Buffer.from(" one"), 7);
      await file.sync();
      await act(world);
      await file.write(Buffer.from(" two"), 11);
      await expectErrno(errno, file.sync());
      await expectErrno(errno, file.close());
      await expectObject(world, left);
      await appendAnew(world);
      await expectObject(world, `${left}+`);
    },
  }),
);

export const appendingFailingScenarios: readonly Scenario[] = [
  ...passing,
  ...lasting,
  ...rivals,
  {
    name: "appending to an object that another client replaces before the first write fails",
    flags: INCREMENTAL,
    async run(world) {
      await world.bucket.put("file", "original");
      const file = await openToAppend(world);
      await world.bucket.put("file", "replaced");
      await expectErrno(
        "ESTALE",
        file.write(Buffer.from("append"), 8).then(() => file.sync()),
      );
      await expectErrno("ESTALE", file.close());
      await expectObject(world, "replaced");
    },
  },
  {
    name: "appending to an object that another client has deleted is EIO",
    flags: INCREMENTAL,
    async run(world) {
      await world.bucket.put("file", "initial");
      const file = await openToAppend(world);
      await file.write(Buffer.from(" one"), 7);
      await file.sync();
      await world.bucket.delete("file");
      await file.write(Buffer.from(" two"), 11);
      await expectErrno("EIO", file.sync());
      await expectErrno("EIO", file.close());
      await expectErrno("ENOENT", world.tree.stat("file"));
    },
  },
  {
    name: "what another client appends between two opens is in between",
    flags: INCREMENTAL,
    async run(world) {
      await world.bucket.put("file", "initial");
      await appendAnew(world);
      await world.bucket.append("file", "other");
      await expect.poll(async () => (await world.tree.stat("file")).sizeBytes).toBe(13);
      await appendAnew(world);
      await expectObject(world, "initial+other+");
    },
  },
  {
    name: "a new file that another client has made meanwhile is not replaced",
    flags: { ...INCREMENTAL, negativeMetadataTtl: 60 },
    async run(world) {
      await expectErrno("ENOENT", world.tree.stat("file"));
      const file = await world.tree.open("file", O_WRONLY | O_CREAT | O_EXCL);
      await file.write(Buffer.from("mine"), 0);
      await file.sync();
      await world.bucket.put("file", "another's");
      await file.write(Buffer.from(" too"), 4);
      await expectErrno("ESTALE", file.close());
      await expectObject(world, "another's");
    },
  },
  {
    name: "with a cache of metadata, an append to what another client has changed fails once",
    flags: { ...INCREMENTAL, metadataTtl: 60 },
    needs: ["kernel"],
    async run(world) {
      await world.bucket.put("file", "initial");
      await world.tree.stat("file");
      await world.bucket.append("file", " other");
      const file = await openToAppend(world);
      await expectErrno(
        "ESTALE",
        file.write(Buffer.from("+"), 7).then(() => file.sync()),
      );
      await expectErrno("ESTALE", file.close());
      await appendAnew(world);
      await expectObject(world, "initial other+");
    },
  },
];
