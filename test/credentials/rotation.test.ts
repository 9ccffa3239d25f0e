/**
 * A mount under load whose credentials live for seconds: tokens that rotate, a token service that is
 * away for a while, a role that ends and one that is revoked. Programs see nothing of it before there is
 * nothing left to sign with; then they see EACCES, and the log says why. Whatever was secret was told to
 * nobody.
 */

import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { pattern } from "../rigs/bytes.ts";
import { IdentityProvider } from "../rigs/identity-provider.ts";
import { MinioRoles, type Statement } from "../rigs/minio-roles.ts";
import { MountProcess } from "../rigs/mount-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { ServiceGate } from "../rigs/service-gate.ts";

const BUCKET = "under-load";
const ROLE = "worker";
/** Stretches all times: 30 makes the outage a minute and more, and the test a quarter of an hour. */
const SCALE = Number(process.env["CREDENTIALS_TEST_SCALE"] ?? 1);
const ROTATIONS = 5;
/**
 * MinIO's sessions end with their token, and are renewed when a quarter to a half of them is left. A
 * machine that stands still for seconds is not to let them end.
 */
const LIFE_SECONDS = 12 * SCALE;
/** A session that outlives an outage which begins before it is renewed. */
const LONG_LIFE_SECONDS = 30 * SCALE;
const AWAY_MS = 1_000 * SCALE;
const READ = pattern(801, 300_000);
const WRITTEN = pattern(802, 100_000);

const ALL: readonly Statement[] = [
  { Effect: "Allow", Action: ["s3:*"], Resource: ["arn:aws:s3:::*"] },
];

const NOTHING: readonly Statement[] = [
  { Effect: "Deny", Action: ["s3:*"], Resource: ["arn:aws:s3:::*"] },
];

let scratch: Scratch;
let provider: IdentityProvider;
let roles: MinioRoles;
let gate: ServiceGate;
let bucket: BucketView;
let tokenPath: string;

beforeAll(async () => {
  scratch = new Scratch();
  provider = await IdentityProvider.start();
  roles = await MinioRoles.start(scratch, provider, { [ROLE]: ALL });
  gate = await ServiceGate.start(roles.minio.endpoint.url);
  bucket = new BucketView(clientOf(roles.minio.endpoint), BUCKET);
  await bucket.create();
  await bucket.put("read", READ);
  tokenPath = join(scratch.makeDirectory("token"), "token");
});

afterAll(async () => {
  await gate.stop();
  await provider.stop();
  await roles.minio.stop();
  await scratch.close();
});

const rotate = (lifeSeconds = LIFE_SECONDS) =>
  provider.writeToken(tokenPath, { audience: ROLE, lifeSeconds });

function mount(): Promise<MountProcess> {
  return MountProcess.start({
    endpoint: { ...roles.minio.endpoint, accessKeyId: "", secretAccessKey: "" },
    bucket: BUCKET,
    directory: scratch.makeDirectory("mount"),
    args: ["--allow-delete", "--allow-overwrite"],
    env: {
      AWS_ROLE_ARN: roles.arnOf(ROLE),
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenPath,
      AWS_ENDPOINT_URL_STS: gate.url,
      MOUNTPOINT_LOG: "trace",
    },
  });
}

type Work = "read" | "write";

/** A reader and a writer that go on until they are stopped; what fails is kept with its time. */
class Load {
  readonly failures: { readonly atMs: number; readonly code: string; readonly by: Work }[] = [];
  rounds = 0;
  #roundsSinceFailure: number = 0;
  readonly #directory: string;
  readonly #working: Promise<unknown>;
  #stopped: boolean = false;

  constructor(directory: string) {
    this.#directory = directory;
    this.#working = Promise.all([
      this.#repeat("read", () => this.#read()),
      this.#repeat("write", () => this.#write()),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /** Resolves when the reader and the writer have failed again. */
  async untilBothFail(): Promise<void> {
    const before = this.failures.length;
    const failing = () => new Set(this.failures.slice(before).map(({ by }) => by));
    await expect.poll(failing).toEqual(new Set(["read", "write"]));
  }

  /** Resolves when they have gone round for a while without a failure. */
  async untilAllIsWell(): Promise<void> {
    await expect.poll(() => this.#roundsSinceFailure).toBeGreaterThan(20);
  }

  async #repeat(by: Work, work: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      try {
        await work();
        this.rounds++;
        this.#roundsSinceFailure++;
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
        this.#roundsSinceFailure = 0;
        this.failures.push({ atMs: Date.now(), code, by });
      }
      await delay(50);
    }
  }

  async #read(): Promise<void> {
    const data = await readFile(join(this.#directory, "read"));
    if (!data.equals(READ)) throw new Error("read other bytes");
  }

  async #write(): Promise<void> {
    await writeFile(join(this.#directory, "written"), WRITTEN);
  }
}

/** Resolves when the mount has got credentials for the `count`-th time. */
async function untilGot(mounted: MountProcess, count: number): Promise<void> {
  await mounted.child.waitForOutput(new RegExp(`(?:got credentials .* until[^]*){${count}}`));
}

/** Resolves when it has got some after a time without for the `count`-th time. */
async function untilRecovered(mounted: MountProcess, count: number): Promise<void> {
  const line = "INFO s3: got credentials .* after \\d+ failures[^]*";
  await mounted.child.waitForOutput(new RegExp(`(?:${line}){${count}}`));
}

function expectNothingSecret(texts: readonly string[]): void {
  expect(gate.secrets.length).toBeGreaterThan(2 * ROTATIONS);
  for (const secret of [...gate.secrets, ...provider.tokens]) {
    for (const text of texts) expect(text.includes(secret)).toBe(false);
  }
}

test(
  "five rotations and an outage of STS are not seen; an end or a revocation is EACCES, until it is over",
  async () => {
    await rotate();
    const mounted = await mount();
    const { child } = mounted;
    const load = new Load(mounted.directory);
    for (let count = 2; count <= ROTATIONS; count++) {
      await rotate();
      await untilGot(mounted, count);
    }

    await rotate(LONG_LIFE_SECONDS);
    await untilGot(mounted, ROTATIONS + 1);
    gate.shut = true;
    await child.waitForOutput(
      /WARN s3: the credentials cannot be renewed, and those at hand end at/,
    );
    await delay(AWAY_MS);
    await rotate();
    gate.shut = false;
    await untilRecovered(mounted, 1);
    expect(load.failures).toEqual([]);
    expect(load.rounds).toBeGreaterThan(50);
    expect(gate.asked.length).toBeLessThan(30);

    // The token is not renewed any more.
    const ended = await child.waitForOutput(/ERROR s3: the credentials ended at .*\n/);
    expect(ended).toMatch(/cannot be renewed: .*web identity: .*expired/);
    const endMs = Date.parse(/ended at (\S+)/.exec(ended)?.[1] ?? "");
    await expect.poll(() => load.failures.length).toBeGreaterThan(20);
    const asked = gate.asked.length;
    expect(load.failures.filter(({ code }) => code !== "EACCES")).toEqual([]);
    expect(load.failures.filter(({ atMs }) => atMs < endMs)).toEqual([]);
    const commandLine = readFileSync(`/proc/${child.pid}/cmdline`, "utf8");
    const limits = readFileSync(`/proc/${child.pid}/limits`, "utf8");
    expect(limits).toMatch(/^Max core file size +0 /m);

    await rotate(LONG_LIFE_SECONDS);
    await untilRecovered(mounted, 2);
    await load.untilAllIsWell();

    // What the credentials may do ends before them.
    await roles.setPolicy(ROLE, NOTHING);
    await load.untilBothFail();
    await child.waitForOutput(/WARN fs: .*fails with EACCES: .*need the permission s3:/);
    await roles.setPolicy(ROLE, ALL);
    await load.untilAllIsWell();
    expect(load.failures.filter(({ code }) => code !== "EACCES")).toEqual([]);
    await load.stop();
    expect(gate.asked.length - asked).toBeLessThan(10);
    await mounted.stop();
    expect(child.stdout.match(/ERROR s3/g)).toHaveLength(1);
    expectNothingSecret([child.stdout, child.stderr, commandLine]);
  },
  180_000 * SCALE,
);
