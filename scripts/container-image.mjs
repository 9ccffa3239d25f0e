/**
 * Builds the images that `npm run test:container` runs, where no registry and no Docker engine are at hand:
 * installs podman, buildah, runc and debootstrap from Debian, makes a base of Debian and of the Node that
 * runs this, and builds Dockerfile on it. NODE_IMAGE names another base instead, from a registry.
 */

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const TOOLS = ["podman", "buildah", "runc", "debootstrap"];
const BASE = "localhost/mount-s3-ts-node:test";
const IMAGE = "localhost/mount-s3-ts:test";
const PROGRAM_IMAGE = "localhost/mount-s3-ts-program:test";
const STORAGE = ["--storage-driver", "vfs"];

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", cwd: ROOT });
  if (status === 0) return;
  console.error(
    `${command} ${args.join(" ")} failed: ${error?.message ?? `exit status ${status}`}`,
  );
  process.exit(1);
}

function isOnPath(tool) {
  return (process.env.PATH ?? "").split(delimiter).some((path) => existsSync(join(path, tool)));
}

function imageExists(image) {
  return spawnSync("podman", [...STORAGE, "image", "exists", image]).status === 0;
}

/** Debian and this Node, with its npm and headers, as an image; the certificates that npm needs here too. */
function makeBase() {
  const directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-base-"));
  // It becomes the root of the image, which every user enters.
  chmodSync(directory, 0o755);
  const suite = process.env.DEBIAN_SUITE ?? "bookworm";
  run("debootstrap", ["--variant=minbase", suite, directory]);
  const prefix = dirname(dirname(process.execPath));
  for (const path of ["bin/node", "lib/node_modules/npm", "include/node"]) {
    const target = join(directory, "usr", path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(prefix, path), target, { recursive: true, verbatimSymlinks: true });
  }
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(directory, "usr/bin/npm"));
  const changes = [];
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  if (certificates) {
    mkdirSync(join(directory, "usr/local/share"), { recursive: true });
    cpSync(certificates, join(directory, "usr/local/share/npm-certificates.pem"));
    changes.push("--change", "ENV NODE_EXTRA_CA_CERTS=/usr/local/share/npm-certificates.pem");
  }
  run("sh", [
    "-c",
    'base=$1; shift; tar -C "$base" -c . | podman "$@"',
    "sh",
    directory,
    ...STORAGE,
    "import",
    ...changes,
    "-",
    BASE,
  ]);
  rmSync(directory, { recursive: true });
}

function build(image, context, argument) {
  const options = ["--format", "docker", "--layers", "--isolation", "chroot"];
  run("buildah", [...STORAGE, "bud", ...options, "--build-arg", argument, "--tag", image, context]);
}

const missing = TOOLS.filter((tool) => !isOnPath(tool));
if (missing.length > 0) {
  run("apt-get", ["update"]);
  run("apt-get", ["install", "-y", "--no-install-recommends", ...missing]);
}
const base = process.env.NODE_IMAGE ?? BASE;
if (base === BASE && !imageExists(BASE)) makeBase();
build(IMAGE, ".", `NODE_IMAGE=${base}`);
build(PROGRAM_IMAGE, "test/container", `MOUNT_IMAGE=${IMAGE}`);
run("podman", [...STORAGE, "images", "localhost/mount-s3-ts*"]);
