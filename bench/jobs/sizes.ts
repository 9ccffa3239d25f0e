/** How much a job does: the full amount, a quick look, or the least that shows that it works. */

export interface Sizes {
  /** Of the file that one stream reads or writes. */
  readonly bigMib: number;
  /** Of each file where several are read or written at once, for four streams; more streams share. */
  readonly streamsMib: number;
  /** Of jobs that run for a time. */
  readonly seconds: number;
  readonly mediumFiles: number;
  readonly smallFiles: number;
  readonly createdFiles: number;
  readonly listedNames: number;
  readonly treeFiles: number;
  /** What 100 GiB becomes in the published fio jobs that read. */
  readonly publishedGib: number;
  readonly soakSeconds: number;
}

export const SIZES = {
  full: {
    bigMib: 1024,
    streamsMib: 2048,
    seconds: 5,
    mediumFiles: 40,
    smallFiles: 2000,
    createdFiles: 200,
    listedNames: 100_000,
    treeFiles: 10_000,
    publishedGib: 1,
    soakSeconds: 3600,
  },
  quick: {
    bigMib: 512,
    streamsMib: 1024,
    seconds: 2,
    mediumFiles: 20,
    smallFiles: 500,
    createdFiles: 50,
    listedNames: 20_000,
    treeFiles: 2000,
    publishedGib: 0.25,
    soakSeconds: 300,
  },
  tiny: {
    bigMib: 16,
    streamsMib: 16,
    seconds: 1,
    mediumFiles: 2,
    smallFiles: 20,
    createdFiles: 4,
    listedNames: 100,
    treeFiles: 40,
    publishedGib: 1 / 64,
    soakSeconds: 1,
  },
} as const satisfies Record<string, Sizes>;

export type SizeName = keyof typeof SIZES;
