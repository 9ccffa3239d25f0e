/** What libfuse 2 is told at the mount: its own options and the kernel's, in one argument. */

export interface SharingOptions {
  readonly fsname: string;
  readonly subtype: string;
  readonly readOnly: boolean;
  readonly noExec: boolean;
  /** Users other than the mounting one may come in. */
  readonly allowOther: boolean;
  /** Root alone may come in as well: libfuse refuses the others. */
  readonly allowRoot: boolean;
}

/**
 * Why these: the file system decides for how long names and attributes hold, and libfuse would hold
 * all for one time, so that neither it nor the kernel keeps any (the time-outs). libfuse gives the
 * versions of an object that have one name one inode, so that pages of them would be mixed in the
 * kernel's cache: `direct_io` goes round it. Truncation is a flag of open, not a request before it.
 */
const LIBRARY_OPTIONS = [
  "direct_io",
  "atomic_o_trunc",
  "use_ino",
  "entry_timeout=0",
  "negative_timeout=0",
  "attr_timeout=0",
];

/** `isEmpty` is that of the directory: libfuse 2 must be told when it is not. */
export function libraryArgument(options: SharingOptions, isEmpty: boolean): string {
  const { fsname, subtype, readOnly, noExec, allowOther, allowRoot } = options;
  const words = [
    `fsname=${fsname}`,
    `subtype=${subtype}`,
    "default_permissions",
    "noatime",
    ...(readOnly ? ["ro"] : []),
    ...(noExec ? ["noexec"] : []),
    ...(allowOther ? ["allow_other"] : []),
    ...(allowRoot ? ["allow_root"] : []),
    ...(isEmpty ? [] : ["nonempty"]),
    ...LIBRARY_OPTIONS,
  ];
  return `-o${words.join(",")}`;
}
