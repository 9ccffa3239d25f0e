/** node-gyp-build ships no types: the one function of it that is used. */
declare module "node-gyp-build" {
  /** Loads the build that fits this platform from `prebuilds/` in `directory`. */
  function load(directory: string): unknown;
  export = load;
}
