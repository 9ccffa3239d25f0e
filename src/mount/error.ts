/** Why a bucket could not be mounted: a message for the person who asked, complete as it is. */

export class MountError extends Error {
  override readonly name = "MountError";
}
