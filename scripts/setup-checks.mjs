/**
 * The judgements of the set-up script that need no machine to try them on: versions, lock files and
 * which files are out of date.
 */

/** Whether the dotted `version` (with or without a leading "v" or "go") is at least `minimum`. */
export function versionAtLeast(version, minimum) {
  const wanted = minimum.split(".").map(Number);
  const found = version.replace(/^\D+/, "").split(/[.-]/).map(Number);
  for (const [index, number] of wanted.entries()) {
    const other = found[index] || 0;
    if (other !== number) return other > number;
  }
  return true;
}

/**
 * Whether node_modules holds what the lock file names: `installed` is node_modules/.package-lock.json
 * as npm leaves it there. What packages call optional may be for other platforms, and so be absent; what
 * this one calls optional may not: the tests need it.
 */
export function isInstalled(lock, installed) {
  const own = Object.keys(lock.packages[""].optionalDependencies ?? {});
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === "") return true;
    const found = installed.packages[path];
    if (!found) return wanted.optional === true && !own.includes(path.replace("node_modules/", ""));
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

/** The Debian packages that bring the programs that `isOnPath` does not find, each once. */
export function missingPackages(packageOfProgram, isOnPath) {
  const missing = Object.entries(packageOfProgram)
    .filter(([program]) => !isOnPath(program))
    .map(([, debianPackage]) => debianPackage);
  return [...new Set(missing)];
}

/** What to do when opening /dev/fuse, which every mount needs, fails with `code`. */
export function deviceRemedy(code) {
  const remedy =
    code === "ENOENT"
      ? 'load the kernel module with "modprobe fuse", or start the container with --device /dev/fuse'
      : 'run "sudo chmod 666 /dev/fuse", as distributions have it, or run this as root';
  return `/dev/fuse cannot be opened (${code}): ${remedy}`;
}

/** Whether what was built at `builtMs` (undefined: never) is older than any of its sources. */
export function isStale(builtMs, sourcesMs) {
  return builtMs === undefined || sourcesMs.some((sourceMs) => sourceMs > builtMs);
}

/** The emitted files that do not belong to `sources` (.ts paths), and those of sources that are missing. */
export function compareOutput(sources, emitted) {
  const expected = new Set(
    sources.filter((path) => !path.endsWith(".d.ts")).map((path) => path.replace(/\.ts$/, ".js")),
  );
  const present = new Set(emitted);
  return {
    orphans: emitted.filter((path) => !expected.has(path)),
    missing: [...expected].filter((path) => !present.has(path)),
  };
}

export function formatSeconds(milliseconds) {
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
