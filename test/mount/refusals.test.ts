/** Each operation that is refused leaves a line in the log that says why, and what to do instead. */

import { constants } from "node:fs";
import { link, symlink } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { python } from "../rigs/system-call.ts";
import { expectErrno, withFile } from "../scenarios/scenario.ts";
import { Weather } from "./weather.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY, S_IFIFO } = constants;
const O_NEW = O_WRONLY | O_CREAT | O_EXCL;
const CONTENT = Buffer.from("content");

interface Refusal {
  readonly name: string;
  readonly errno: string;
  /** Works on the objects "file" and "directory/file". */
  attempt(weather: Weather): Promise<unknown>;
  /** The line, from the operation on. */
  readonly line: RegExp;
}

const ALWAYS: readonly Refusal[] = [
  {
    name: "setting the size of an object",
    errno: "EPERM",
    attempt: ({ tree }) => tree.truncate("file", 3),
    line: /setattr of "file" fails with EPERM: the size is 7 bytes and cannot be set to 3.*--allow-overwrite/,
  },
  {
    name: "setting the mode of an object",
    errno: "EPERM",
    attempt: ({ tree }) => tree.chmod("file", 0o600),
    line: /setattr of "file" fails with EPERM: .*only on what this mount has made/,
  },
  {
    name: "setting the times of an object",
    errno: "EPERM",
    attempt: ({ tree }) => tree.utimes("file", 1000, 2000),
    line: /setattr of "file" fails with EPERM: S3 keeps no mode, owner or times/,
  },
  {
    name: "removing a directory that has keys",
    errno: "EPERM",
    attempt: ({ tree }) => tree.rmdir("directory"),
    line: /rmdir of "directory" fails with EPERM: .*it goes when its last key is deleted/,
  },
  {
    name: "opening to write what is there, without truncating it",
    errno: "EPERM",
    attempt: ({ tree }) => tree.open("file", O_WRONLY),
    line: /open of "file" fails with EPERM: .*O_TRUNC/,
  },
  {
    name: "writing what was opened to be read and written",
    errno: "EBADF",
    attempt: ({ tree }) => withFile(tree.open("file", O_RDWR), (file) => file.write(CONTENT, 0)),
    line: /write of "file" fails with EBADF: .*never both.*--allow-overwrite/,
  },
  {
    name: "opening with O_SYNC",
    errno: "EINVAL",
    attempt: ({ tree }) => tree.open("synchronous", O_NEW | O_SYNC),
    line: /(?:create|open) of "synchronous" fails with EINVAL: O_SYNC and O_DSYNC are not supported/,
  },
  {
    name: "opening what is being written",
    errno: "EPERM",
    attempt: ({ tree }) =>
      withFile(tree.open("written", O_NEW), async (file) => {
        await file.write(CONTENT, 0);
        await tree.open("written", O_RDONLY);
      }),
    line: /open of "written" fails with EPERM: .*before it is closed/,
  },
  {
    name: "writing out of order",
    errno: "EINVAL",
    attempt: ({ tree }) =>
      withFile(tree.open("sparse", O_NEW), (file) => file.write(CONTENT, 4096)),
    line: /write of "sparse" fails with EINVAL: .*begins at 4096, not at 0.*beginning to end only: write to a local file/,
  },
  {
    name: "making a pipe",
    errno: "EINVAL",
    attempt: ({ tree }) => tree.mknod("pipe", S_IFIFO),
    line: /mknod of "pipe" fails with EINVAL: S3 stores regular files only/,
  },
  {
    name: "a symbolic link",
    errno: "EPERM",
    attempt: (weather) => symlink("file", weather.path("directory/symbolic")),
    line: /symlink of "directory\/symbolic" fails with EPERM: S3 has no symbolic links; copy the file/,
  },
  {
    name: "a hard link",
    errno: "EPERM",
    attempt: (weather) => link(weather.path("file"), weather.path("hard")),
    line: /link of "hard" fails with EPERM: S3 has no hard links/,
  },
  {
    name: "an extended attribute",
    errno: "ENOTSUP",
    attempt: (weather) =>
      python("setxattr", 'os.setxattr(sys.argv[1], "user.a", b"x")', [weather.path("file")]),
    line: /setxattr of "file" fails with EOPNOTSUPP: S3 keeps no extended attributes/,
  },
  {
    name: "reserving space",
    errno: "EINVAL",
    attempt: (weather) =>
      python(
        "posix_fallocate",
        "os.posix_fallocate(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 0, 100)",
        [weather.path("reserved")],
      ),
    line: /fallocate of "reserved" fails with EINVAL: space in S3 need not be reserved/,
  },
];

const WITHOUT_FLAGS: readonly Refusal[] = [
  {
    name: "deleting",
    errno: "EPERM",
    attempt: ({ tree }) => tree.unlink("file"),
    line: /unlink of "file" fails with EPERM: .*--allow-delete/,
  },
  {
    name: "replacing",
    errno: "EPERM",
    attempt: ({ tree }) => tree.open("file", O_WRONLY | O_TRUNC),
    line: /open of "file" fails with EPERM: .*--allow-overwrite/,
  },
  {
    name: "renaming, as editors do to save",
    errno: "ENOSYS",
    attempt: ({ tree }) => tree.rename("file", "renamed"),
    line: /rename of "file" fails with ENOSYS: .*--allow-delete.*in place.*--allow-overwrite/,
  },
];

const WITH_FLAGS: readonly Refusal[] = [
  {
    name: "renaming, as editors do to save",
    errno: "EXDEV",
    attempt: ({ tree }) => tree.rename("file", "renamed"),
    line: /rename of "file" fails with EXDEV: .*copy and delete.*in place/,
  },
  {
    name: "replacing what is being read",
    errno: "EPERM",
    attempt: ({ tree }) =>
      withFile(tree.open("file", O_RDONLY), () => tree.open("file", O_WRONLY | O_TRUNC)),
    line: /open of "file" fails with EPERM: the file is open for reading/,
  },
];

describe.each([
  { args: [], refusals: [...ALWAYS, ...WITHOUT_FLAGS] },
  { args: ["--allow-delete", "--allow-overwrite"], refusals: [...ALWAYS, ...WITH_FLAGS] },
])("with $args", ({ args, refusals }) => {
  let weather: Weather;

  beforeAll(async () => {
    weather = await Weather.start({ args });
    await weather.bucket.put("file", CONTENT);
    await weather.bucket.put("directory/file", CONTENT);
  });

  afterAll(async () => {
    await weather.close();
  });

  test.each(refusals)("$name is $errno, and the log says why", async ({ attempt, errno, line }) => {
    const { child } = weather.mount;
    const before = child.stdout.length;
    await expectErrno(errno, attempt(weather));
    const lines = (): string[] => child.stdout.slice(before).split("\n");
    const full = new RegExp(`^\\S+Z WARN fs: ${line.source}`);
    await expect.poll(lines).toContainEqual(expect.stringMatching(full));
    expect((await weather.bucket.get("file"))?.equals(CONTENT)).toBe(true);
  });
});

test("a refusal in a loop is written ten times, and counted", async () => {
  const weather = await Weather.start();
  try {
    await weather.bucket.put("file", CONTENT);
    for (let count = 0; count < 30; count++) {
      await expectErrno("EPERM", weather.tree.unlink("file"));
    }
    const { child } = weather.mount;
    await expectErrno("EPERM", weather.tree.open("file", O_WRONLY));
    await child.waitForOutput(/open of .*\n/);
    expect(child.stdout.match(/unlink of "file" fails/g)).toHaveLength(10);
  } finally {
    await weather.close();
  }
});
