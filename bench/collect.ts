/**
 * Loaded into a mount of ours before its program, with --expose-gc: on SIGUSR2 it has everything collected that
 * nobody uses any more, and says how many bytes of JavaScript, and beside it, are in use.
 */

process.on("SIGUSR2", () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { external, heapUsed } = process.memoryUsage();
  process.stderr.write(`collected ${heapUsed + external}\n`);
});
