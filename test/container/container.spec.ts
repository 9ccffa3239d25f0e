/**
 * Containers that mount a bucket, run for real: the pattern of a pod with a role and no keys, whose
 * entrypoint mounts its model and starts the program. The server and its token service are MinIO.
 */

import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromWebToken } from "@aws-sdk/credential-providers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { Child, run, succeed } from "../rigs/child.ts";
import { IdentityProvider } from "../rigs/identity-provider.ts";
import { containerAgent, MetadataService } from "../rigs/metadata-service.ts";
import { MinioRoles } from "../rigs/minio-roles.ts";
import { Scratch } from "../rigs/scratch.ts";

const IMAGE = "localhost/mount-s3-ts:test";
const PROGRAM_IMAGE = "localhost/mount-s3-ts-program:test";
const BUCKET = "platform-us-west-2-dev-triton-model-repo";
const PROGRAM = "python3 /opt/apps/stable_diffusion/main.py";
const STORAGE = ["--runtime", "runc", "--storage-driver", "vfs"];
const RUN = [
  ...["run", "--rm", "--network", "host", "--ulimit", "nofile=1024:1024"],
  ...["--ulimit", "nproc=4096:4096"],
];
const FUSE = ["--device", "/dev/fuse", "--cap-add", "SYS_ADMIN"];
const EXIT_TIMEOUT_MS = 90_000;

const weights = randomBytes(24 << 20);
const config = Buffer.from('{"layers": 12}');

let scratch: Scratch;
let provider: IdentityProvider;
let roles: MinioRoles;
let bucket: BucketView;
let identity: readonly string[];
let containers = 0;

beforeAll(async () => {
  scratch = new Scratch();
  provider = await IdentityProvider.start();
  // The policy of the article: list the bucket, and read, write, abort and delete its objects.
  roles = await MinioRoles.start(scratch, provider, {
    models: [
      { Effect: "Allow", Action: ["s3:ListBucket"], Resource: [`arn:aws:s3:::${BUCKET}`] },
      {
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
        Resource: [`arn:aws:s3:::${BUCKET}/*`],
      },
    ],
  });
  const { endpoint } = roles.minio;
  bucket = new BucketView(clientOf(endpoint), BUCKET);
  await bucket.create();
  await bucket.put("weights", weights);
  await bucket.put("unet/config.json", config);

  const tokens = scratch.makeDirectory("token");
  await provider.writeToken(join(tokens, "token"), { audience: "models", lifeSeconds: 3600 });
  chmodSync(join(tokens, "token"), 0o644);
  // What the webhook of EKS puts into a pod, and where MinIO is.
  identity = [
    ...["--volume", `${tokens}:/var/run/secrets/eks.amazonaws.com/serviceaccount:ro`],
    ...environmentOf({
      AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
      AWS_ROLE_ARN: roles.arnOf("models"),
      AWS_ENDPOINT_URL_STS: endpoint.url,
      AWS_ENDPOINT_URL_S3: endpoint.url,
    }),
  ];
});

afterAll(async () => {
  await roles.minio.stop();
  await provider.stop();
  await scratch.close();
});

/** A container that runs; `name` is for other commands of podman. */
class Container extends Child {
  readonly containerName: string;

  constructor(
    image: string,
    words: readonly string[],
    options: readonly string[] = FUSE,
    account: readonly string[] = identity,
  ) {
    containers += 1;
    const name = `mount-s3-ts-test-${process.pid}-${containers}`;
    super("podman", [...STORAGE, ...RUN, "--name", name, ...options, ...account, image, ...words]);
    this.containerName = name;
  }

  async exec(...words: readonly string[]) {
    return run("podman", [...STORAGE, "exec", this.containerName, ...words]);
  }

  /** SIGTERM to the first process, as a pod gets it when it is deleted. */
  async terminate(): Promise<void> {
    await run("podman", [...STORAGE, "kill", "--signal", "TERM", this.containerName]);
  }
}

/** The two entrypoints that run a program: a shell's, and `exec`. */
const entrypoints: readonly (readonly [string, (mode: string) => readonly string[]])[] = [
  [
    "a shell that mounts in the background and becomes the program",
    (mode) => [
      ...["/bin/sh", "-c"],
      `mount-s3-ts --region us-west-2 ${BUCKET} /opt/model/ && exec ${PROGRAM} ${mode}`,
    ],
  ],
  [
    "mount-s3-ts exec",
    (mode) => [
      ...["mount-s3-ts", "exec", "--region", "us-west-2", BUCKET, "/opt/model/", "--"],
      ...[...PROGRAM.split(" "), mode],
    ],
  ],
];

/** As options of podman. */
function environmentOf(variables: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
}

const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

test("the entrypoint of the article, line by line", async () => {
  const script = `mount-s3-ts --region us-west-2 ${BUCKET} /opt/model/\n${PROGRAM} read\n`;
  const container = new Container(PROGRAM_IMAGE, ["/bin/sh", "-c", script]);
  const exit = await container.exitWithin(EXIT_TIMEOUT_MS);
  expect(container.stdout).toBe(
    [
      `bucket ${BUCKET} is mounted at /opt/model`,
      `weights ${sha256(weights)}`,
      `unet/config.json ${sha256(config)}`,
      "",
    ].join("\n"),
  );
  expect(exit).toEqual({ code: 0, signal: null });
});

describe.each(entrypoints)("%s", (_name, wordsFor) => {
  test("reads the model", async () => {
    const container = new Container(PROGRAM_IMAGE, wordsFor("read"));
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 0, signal: null });
    expect(container.stdout).toContain(`weights ${sha256(weights)}\n`);
  });

  test("ends at once when it is told to during a read", async () => {
    const container = new Container(PROGRAM_IMAGE, wordsFor("loop"));
    await container.waitForOutput(/reading/);
    await container.terminate();
    // Python as the first process of a container has no default action for the signal: see docs/KUBERNETES.md.
    if (wordsFor("")[0] === "/bin/sh")
      await run("podman", [...STORAGE, "kill", container.containerName]);
    const { code } = await container.exitWithin(EXIT_TIMEOUT_MS);
    expect([137, 143]).toContain(code);
  });

  test("what is written until the end is stored, whole", async () => {
    const key = `result-${containers}`;
    const options = [...FUSE, "--env", `RESULT=${key}`];
    const container = new Container(PROGRAM_IMAGE, wordsFor("write"), options);
    await container.waitForOutput(/writing/);
    await container.terminate();
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 0, signal: null });
    const count = Number(/wrote (\d+)/.exec(container.stdout)?.[1]);
    const blocks = Array.from({ length: count }, (_, index) => Buffer.alloc(1 << 20, index % 251));
    expect(sha256((await bucket.get(key)) ?? Buffer.alloc(0))).toBe(sha256(Buffer.concat(blocks)));
  });

  test("a daemon that is killed gives the program an error, and its own status counts", async () => {
    const container = new Container(PROGRAM_IMAGE, wordsFor("loop"));
    await container.waitForOutput(/reading/);
    const kill =
      'for p in /proc/[0-9]*; do case $(tr "\\0" " " < $p/cmdline) in "mount-s3-ts "*) kill -9 $(basename $p);; esac; done';
    await container.exec("sh", "-c", kill);
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 3, signal: null });
    expect(container.stdout).toMatch(/failed with (ENOTCONN|ECONNABORTED)/);
  });

  test("fails before the program starts when there is no such bucket", async () => {
    const words = wordsFor("read").map((word) => word.replace(BUCKET, "no-such-bucket"));
    const container = new Container(PROGRAM_IMAGE, words);
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 1, signal: null });
    expect(container.stdout).toBe("");
    expect(container.stderr).toContain("no-such-bucket");
  });
});

describe("other accounts than IRSA's", () => {
  async function readsAs(account: readonly string[]): Promise<void> {
    const [, [, wordsFor] = []] = entrypoints;
    const container = new Container(PROGRAM_IMAGE, wordsFor?.("read") ?? [], FUSE, account);
    const exit = await container.exitWithin(EXIT_TIMEOUT_MS);
    expect(container.stdout, container.stderr).toContain(`weights ${sha256(weights)}\n`);
    expect(exit).toEqual({ code: 0, signal: null });
  }

  test("Pod Identity: an agent on the node gives keys for the token of the pod", async () => {
    const { url } = roles.minio.endpoint;
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await fromWebToken({
      roleArn: roles.arnOf("models"),
      webIdentityToken: await provider.sign({ audience: "models", lifeSeconds: 3600 }),
      clientConfig: { region: "us-west-2", endpoint: url },
    })();
    const keys = {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken ?? "",
      Expiration: expiration?.toISOString() ?? "",
    };
    const podToken = "token-of-the-pod";
    const agent = await MetadataService.start(
      containerAgent(
        "/v1/credentials",
        () => podToken,
        () => keys,
      ),
    );
    const secrets = scratch.makeDirectory("pod-identity");
    writeFileSync(join(secrets, "eks-pod-identity-token"), podToken);
    const mountPoint = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount";
    await readsAs([
      ...["--volume", `${secrets}:${mountPoint}:ro`],
      ...environmentOf({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${mountPoint}/eks-pod-identity-token`,
        AWS_ENDPOINT_URL_S3: url,
      }),
    ]);
    expect(agent.asked).toEqual(["GET /v1/credentials"]);
    await agent.stop();
  });

  test("a secret: keys in the environment", async () => {
    const { accessKeyId, secretAccessKey, url } = roles.minio.endpoint;
    await readsAs(
      environmentOf({
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_ENDPOINT_URL_S3: url,
      }),
    );
  });
});

test("a sidecar mounts for a container that has no privileges and is not root", async () => {
  const volume = scratch.makeDirectory("volume");
  mkdirSync(join(volume, "mnt"));
  await succeed("mount", ["--bind", volume, volume]);
  await succeed("mount", ["--make-shared", volume]);
  const mount = [BUCKET, "/model/mnt", "--region", "us-west-2", "--read-only", "--allow-other"];
  const bidirectional = [...FUSE, "--volume", `${volume}:/model:rshared`];
  const sidecar = new Container(IMAGE, mount, bidirectional);
  await sidecar.waitForOutput(/ is mounted at \/model\/mnt/);
  expect(await sidecar.exec("/opt/mount-s3-ts/container/health.sh")).toMatchObject({ code: 0 });

  const hostToContainer = ["--volume", `${volume}:/model:rslave`, "--user", "1000:1000"];
  const words = ["sha256sum", "/model/mnt/weights"];
  const program = new Container(PROGRAM_IMAGE, words, hostToContainer, []);
  const exit = await program.exitWithin(EXIT_TIMEOUT_MS);
  expect(program.stdout, program.stderr).toBe(`${sha256(weights)}  /model/mnt/weights\n`);
  expect(exit).toEqual({ code: 0, signal: null });

  await sidecar.terminate();
  expect(await sidecar.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 0, signal: null });
  await succeed("umount", [volume]);
});

describe("the image", () => {
  test("mounts in the foreground as the variables say, is healthy, and unmounts when stopped", async () => {
    const options = [
      ...FUSE,
      ...environmentOf({
        MOUNT_S3_BUCKET: `s3://${BUCKET}/unet/`,
        MOUNT_S3_DIRECTORY: "/mnt/a model",
        MOUNT_S3_OPTIONS: "region=us-west-2,ro",
      }),
    ];
    const container = new Container(IMAGE, [], options);
    await container.waitForOutput(/ is mounted at \/mnt\/a model/);
    const read = await container.exec("cat", "/mnt/a model/config.json");
    expect(read.stdout).toBe(config.toString());
    const health = await container.exec("/opt/mount-s3-ts/container/health.sh");
    expect(health).toMatchObject({ code: 0, stdout: "" });
    await container.terminate();
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 0, signal: null });
    expect(container.stdout).toContain("/mnt/a model is unmounted");
  });

  test("is not healthy where nothing is mounted", async () => {
    const words = [...FUSE, "--entrypoint", "/opt/mount-s3-ts/container/health.sh"];
    const container = new Container(IMAGE, [], words);
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 1, signal: null });
    expect(container.stdout).toBe("nothing is mounted\n");
  });

  test("works for a user who is not root", async () => {
    // As udev makes it, whatever this machine has.
    const device = join(scratch.directory, "fuse");
    await succeed("mknod", ["-m", "666", device, "c", "10", "229"]);
    const may = ["--device", `${device}:/dev/fuse`, "--cap-add", "SYS_ADMIN"];
    const options = [...may, "--user", "1000:1000", "--entrypoint", "/bin/sh"];
    const exec = `mount-s3-ts exec ${BUCKET} /tmp/model --region us-west-2`;
    const script = `mkdir /tmp/model && exec ${exec} -- sh -c 'id -u; cat /tmp/model/unet/config.json'`;
    const container = new Container(IMAGE, ["-c", script], options);
    const exit = await container.exitWithin(EXIT_TIMEOUT_MS);
    expect(container.stdout, container.stderr).toBe(`1000\n${config}`);
    expect(exit).toEqual({ code: 0, signal: null });
  });

  test("says what is missing without the device", async () => {
    const container = new Container(IMAGE, [BUCKET, "/mnt", "--region", "us-west-2"], []);
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 1, signal: null });
    expect(container.stderr).toContain("a container must be started with --device /dev/fuse");
  });

  test("says what is missing without a bucket", async () => {
    const container = new Container(IMAGE, []);
    expect(await container.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 2, signal: null });
    expect(container.stderr).toContain("MOUNT_S3_BUCKET");
  });
});
