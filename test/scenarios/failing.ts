/** Scenarios: what a program sees, and the log says, when S3 refuses or fails. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { KIB, MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern } from "../rigs/bytes.ts";
import { Child } from "../rigs/child.ts";
import type { KeyFault, World } from "../rigs/rig.ts";
import { python } from "../rigs/system-call.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { createWhole, namesIn, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const flags = { maxAttempts: 2, allowDelete: true, allowOverwrite: true };
const needs = ["faults"] as const;
const LARGE = pattern(601, 20 * MIB);
/** One request each, whoever asks: of a larger write a part may succeed before the rest fails. */
const WRITE_BYTES = 64 * KIB;

/** What S3 answers, and the errno that it becomes. */
const REFUSALS: readonly { said: string; answer: object; errno: string }[] = [
  { said: "403 AccessDenied", answer: { status: 403 }, errno: "EACCES" },
  { said: "400 ExpiredToken", answer: { status: 400, code: "ExpiredToken" }, errno: "EACCES" },
  {
    said: "403 InvalidAccessKeyId",
    answer: { status: 403, code: "InvalidAccessKeyId" },
    errno: "EACCES",
  },
  { said: "503 SlowDown, again and again,", answer: { status: 503 }, errno: "EIO" },
  { said: "500 InternalError, again and again,", answer: { status: 500 }, errno: "EIO" },
  { said: "501 NotImplemented", answer: { status: 501 }, errno: "EIO" },
  { said: "404 NoSuchBucket", answer: { status: 404, code: "NoSuchBucket" }, errno: "EIO" },
  {
    said: "409 OperationAborted",
    answer: { status: 409, code: "OperationAborted" },
    errno: "EIO",
  },
  { said: "418, which S3 never does,", answer: { status: 418 }, errno: "EIO" },
  { said: "400 InvalidRequest", answer: { status: 400, code: "InvalidRequest" }, errno: "EIO" },
];

interface Attempt {
  readonly operation: string;
  readonly what: string;
  /** The key that the operation is about: an object's, or a listing's prefix. */
  readonly key: string;
  /** Gives the errno that the program saw, or "success". */
  run(world: World): Promise<string>;
  /** Refusals to leave out: those that S3 does not give here. */
  readonly not?: readonly string[];
  /** What must hold afterwards. */
  after?(world: World): Promise<void>;
}

/** What becomes of these is the same for every request of an upload. */
const SMALL_FILES_TELL = [
  "400 ExpiredToken",
  "403 InvalidAccessKeyId",
  "500 InternalError, again and again,",
  "501 NotImplemented",
  "404 NoSuchBucket",
  "409 OperationAborted",
  "418, which S3 never does,",
  "400 InvalidRequest",
];

const ATTEMPTS: readonly Attempt[] = [
  {
    operation: "HeadObject",
    what: "looking a file up",
    key: "file",
    run: ({ tree }) => outcomeOf(tree.stat("file")),
    // The answer to a HEAD has no body that could say more than the status does.
    not: ["400 ExpiredToken", "404 NoSuchBucket"],
  },
  {
    operation: "ListObjectsV2",
    what: "looking a name up",
    key: "file/",
    run: ({ tree }) => outcomeOf(tree.stat("file")),
    not: SMALL_FILES_TELL,
  },
  {
    operation: "ListObjectsV2",
    what: "listing a directory",
    key: "there/",
    run: async ({ bucket, tree }) => {
      await bucket.put("there/below", "");
      return outcomeOf(tree.readdir("there"));
    },
  },
  {
    operation: "GetObject",
    what: "reading a file",
    key: "file",
    run: ({ tree }) => outcomeOf(readWhole(tree, "file")),
  },
  {
    operation: "PutObject",
    what: "storing a small file",
    key: "new",
    run: ({ tree }) => outcomeOf(createWhole(tree, "new", Buffer.from("new"))),
    after: expectNothingNew,
  },
  {
    operation: "CreateMultipartUpload",
    what: "beginning to store a large file",
    key: "new",
    run: ({ tree }) => outcomeOf(createWhole(tree, "new", LARGE, WRITE_BYTES)),
    not: SMALL_FILES_TELL,
    after: expectNothingNew,
  },
  {
    operation: "UploadPart",
    what: "storing a part of a large file",
    key: "new",
    run: ({ tree }) => outcomeOf(createWhole(tree, "new", LARGE, WRITE_BYTES)),
    not: SMALL_FILES_TELL,
    after: expectNothingNew,
  },
  {
    operation: "CompleteMultipartUpload",
    what: "completing a large file",
    key: "new",
    run: ({ tree }) => outcomeOf(createWhole(tree, "new", LARGE)),
    not: SMALL_FILES_TELL,
    after: expectNothingNew,
  },
  {
    operation: "DeleteObject",
    what: "deleting a file",
    key: "file",
    run: ({ tree }) => outcomeOf(tree.unlink("file")),
    async after({ bucket, tree }) {
      expect((await bucket.get("file"))?.toString()).toBe("content");
      expect(await namesIn(tree)).toEqual(["file"]);
    },
  },
];

async function expectNothingNew({ bucket, tree }: World): Promise<void> {
  await expectErrno("ENOENT", tree.stat("new"));
  expect(await namesIn(tree)).toEqual(["file"]);
  expect(await bucket.keys()).toEqual(["file"]);
  await expect.poll(() => bucket.uploads()).toEqual([]);
}

/** Every combination that a user meets apart: what was attempted, and how S3 refused it. */
const refused = ATTEMPTS.flatMap((attempt) =>
  REFUSALS.filter(({ said }) => attempt.not?.includes(said) !== true).map(
    ({ said, answer, errno }): Scenario => ({
      name: `${attempt.what} is ${errno} when S3 answers ${said} to ${attempt.operation}`,
      flags,
      needs,
      async run(world) {
        await world.bucket.put("file", "content");
        const { operation, key } = attempt;
        const fault = { kind: "status", times: Number.POSITIVE_INFINITY, operation, key };
        const armed = await world.fail({ ...fault, ...answer } as KeyFault);
        try {
          expect(await attempt.run(world)).toBe(errno);
        } finally {
          await armed.remove();
        }
        await attempt.after?.(world);
      },
    }),
  ),
);

/** Failures that pass: the program sees none of them. */
const PASSING: readonly { readonly what: string; readonly fault: object }[] = [
  {
    what: "503 SlowDown to a HEAD",
    fault: { operation: "HeadObject", kind: "status", status: 503 },
  },
  { what: "500 to a GET", fault: { operation: "GetObject", kind: "status", status: 500 } },
  { what: "a connection reset to a HEAD", fault: { operation: "HeadObject", kind: "reset" } },
  {
    what: "a connection reset in the middle of a GET",
    fault: { operation: "GetObject", kind: "reset", afterBytes: 3 },
  },
  {
    what: "a connection closed in the middle of a GET",
    fault: { operation: "GetObject", kind: "truncate", afterBytes: 3 },
  },
];

const passed = PASSING.map(
  ({ what, fault }): Scenario => ({
    name: `${what} passes unseen`,
    flags,
    needs,
    async run(world) {
      await world.bucket.put("file", "content");
      const armed = await world.fail({ key: "file", ...fault } as KeyFault);
      expect((await readWhole(world.tree, "file")).toString()).toBe("content");
      expect(await armed.metCount()).toBe(1);
    },
  }),
);

export const failingScenarios: readonly Scenario[] = [
  ...refused,
  ...passed,
  {
    name: "the log names the file, the errno, the reason and the remedy when access is denied",
    alone: true,
    flags,
    needs,
    async run(world) {
      await world.bucket.put("file", "content");
      const fault = { kind: "status", status: 403, operation: "GetObject", key: "file" } as const;
      // The kernel itself reads again what it could not read ahead.
      const armed = await world.fail({ ...fault, times: Number.POSITIVE_INFINITY });
      await expectErrno("EACCES", readWhole(world.tree, "file"));
      await armed.remove();
      const failure = `read of "${world.bucket.prefix}file" fails with EACCES`;
      await expect.poll(() => world.log()).toContain(failure);
      const line = world
        .log()
        .split("\n")
        .findLast((text) => text.includes(failure));
      expect(line).toContain("AccessDenied");
      expect(line).toContain("need the permission s3:GetObject");
    },
  },
  {
    name: "expired credentials are named in the log, and when they are renewed no remount is needed",
    alone: true,
    flags,
    needs,
    async run(world) {
      await world.bucket.put("file", "content");
      const armed = await world.fail({
        kind: "status",
        status: 400,
        code: "ExpiredToken",
        operation: "GetObject",
        key: "file",
        times: Number.POSITIVE_INFINITY,
      });
      await expectErrno("EACCES", readWhole(world.tree, "file"));
      const advice = /renew the credentials; the mount takes them up by itself/;
      await expect
        .poll(() =>
          world
            .log()
            .split("\n")
            .filter((line) => line.includes(world.bucket.prefix)),
        )
        .toContainEqual(expect.stringMatching(advice));
      await armed.remove();
      expect((await readWhole(world.tree, "file")).toString()).toBe("content");
    },
  },
  {
    name: "a file that is not there is not worth a line in the log",
    async run({ tree, bucket, log }) {
      await expectErrno("ENOENT", tree.stat("missing"));
      await expectErrno("ENOENT", tree.open("missing", constants.O_RDONLY));
      expect(log()).not.toContain(`${bucket.prefix}missing`);
    },
  },
  {
    name: "a listing shows objects that may not be read, and the others are read",
    flags,
    needs,
    async run(world) {
      await world.bucket.put("closed", "secret");
      await world.bucket.put("open", "content");
      const times = Number.POSITIVE_INFINITY;
      const denied = { kind: "status", status: 403, key: "closed", times } as const;
      const armed = await world.fail(denied);
      try {
        expect(await namesIn(world.tree)).toEqual(["closed", "open"]);
        await expectErrno("EACCES", readWhole(world.tree, "closed"));
        expect((await readWhole(world.tree, "open")).toString()).toBe("content");
      } finally {
        await armed.remove();
      }
      expect((await readWhole(world.tree, "closed")).toString()).toBe("secret");
    },
  },
  {
    name: "a file whose upload failed can be written again",
    flags,
    needs,
    async run(world) {
      await world.fail({ kind: "status", status: 403, operation: "PutObject", key: "file" });
      await expectErrno("EACCES", createWhole(world.tree, "file", Buffer.from("lost")));
      await createWhole(world.tree, "file", Buffer.from("kept"));
      expect((await world.bucket.get("file"))?.toString()).toBe("kept");
    },
  },
  {
    name: "a failed upload fails every later call on its handle alike",
    flags,
    needs,
    async run(world) {
      await world.fail({ kind: "status", status: 403, operation: "PutObject", key: "file" });
      const file = await world.tree.open("file", O_NEW);
      await file.write(Buffer.from("lost"), 0);
      await expectErrno("EACCES", file.sync());
      await expectErrno("EACCES", file.sync());
      await expectErrno("EACCES", file.write(Buffer.from("more"), 4));
      await expectErrno("EACCES", file.close());
      await expectErrno("ENOENT", world.tree.stat("file"));
    },
  },
  {
    name: "a failed overwrite leaves the old object, and its content is read again",
    flags,
    needs,
    async run(world) {
      await world.bucket.put("file", "old");
      await world.fail({ kind: "status", status: 403, operation: "PutObject", key: "file" });
      const file = await world.tree.open("file", constants.O_WRONLY | constants.O_TRUNC);
      await file.write(Buffer.from("lost"), 0);
      await expectErrno("EACCES", file.close());
      expect((await readWhole(world.tree, "file")).toString()).toBe("old");
    },
  },
  {
    name: "a directory is found and listed though asking for an object of its name is denied",
    flags,
    needs,
    async run({ tree, bucket, fail }) {
      await bucket.put("there/file", "content");
      const denied = {
        kind: "status",
        status: 403,
        operation: "HeadObject",
        key: "there",
      } as const;
      const armed = await fail({ ...denied, times: Number.POSITIVE_INFINITY });
      expect((await tree.stat("there")).kind).toBe("directory");
      expect(await namesIn(tree, "there")).toEqual(["file"]);
      expect((await readWhole(tree, "there/file")).toString()).toBe("content");
      await armed.remove();
    },
  },
  {
    name: "an empty file that S3 refuses is gone behind its close, and the log says why",
    flags,
    needs,
    async run({ tree, bucket, fail, log }) {
      await fail({ kind: "status", status: 403, operation: "PutObject", key: "file" });
      // Nobody waits for it: a copy of the descriptor might still have written something.
      await createWhole(tree, "file", Buffer.alloc(0));
      await expect.poll(() => outcomeOf(tree.stat("file"))).toBe("ENOENT");
      await expect
        .poll(() =>
          log()
            .split("\n")
            .filter((line) => line.includes(`"${bucket.prefix}file"`)),
        )
        .toContainEqual(expect.stringContaining("EACCES"));
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "the next open of an empty file that was closed is told that S3 refuses it",
    flags,
    needs: ["faults", "kernel"],
    async run({ bucket, fail, path }) {
      await fail({ kind: "status", status: 403, operation: "PutObject", key: "file" });
      const script = [
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        "copy = os.dup(fd)",
        "os.close(fd)",
        "os.open(sys.argv[1], os.O_RDONLY)",
      ].join("\n");
      await expectErrno("EACCES", python("open", script, [path("file")]));
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "a lookup that failed is asked again by the next call",
    flags,
    needs,
    async run(world) {
      await world.bucket.put("file", "content");
      await world.fail({ kind: "status", status: 403, operation: "HeadObject", key: "file" });
      await expectErrno("EACCES", world.tree.stat("file"));
      expect((await world.tree.stat("file")).sizeBytes).toBe(7);
    },
  },
  {
    name: "a large file whose connections break is read whole all the same",
    flags,
    needs,
    async run(world) {
      await world.bucket.put("large", LARGE);
      const broken = {
        kind: "reset",
        afterBytes: MIB,
        operation: "GetObject",
        key: "large",
      } as const;
      const armed = await world.fail({ ...broken, times: 3 });
      expectBytes(await readWhole(world.tree, "large"), LARGE);
      expect(await armed.metCount()).toBeGreaterThan(0);
    },
  },
  {
    name: "a byte that was corrupted on its way is not given to the program",
    flags,
    needs,
    async run(world) {
      await withFile(world.tree.open("file", O_NEW), (file) =>
        file.write(Buffer.from("content"), 0),
      );
      const fault = {
        kind: "corrupt-byte",
        position: 2,
        operation: "GetObject",
        key: "file",
      } as const;
      const armed = await world.fail(fault);
      expect((await readWhole(world.tree, "file")).toString()).toBe("content");
      expect(await armed.metCount()).toBe(1);
    },
  },
  {
    name: "a program that is killed while S3 does not answer is gone at once, and the mount works on",
    flags,
    needs: ["faults", "kernel", "interrupts"],
    async run({ tree, bucket, fail, path }) {
      await bucket.put("silent", "content");
      await bucket.put("other", "content");
      const times = Number.POSITIVE_INFINITY;
      const armed = await fail({ kind: "hang", operation: "GetObject", key: "silent", times });
      const reading = new Child("dd", [`if=${path("silent")}`, "iflag=direct", "of=/dev/null"]);
      await expect.poll(() => armed.metCount()).toBeGreaterThan(0);
      reading.signal("SIGKILL");
      expect(await reading.exited).toEqual({ code: null, signal: "SIGKILL" });
      await armed.remove();
      expect((await readWhole(tree, "other")).toString()).toBe("content");
      expect((await readWhole(tree, "silent")).toString()).toBe("content");
    },
  },
];
