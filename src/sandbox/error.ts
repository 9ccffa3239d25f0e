/**
 * The errors that the endpoint answers with, named, numbered and worded as S3 does:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */

const ERRORS = {
  AccessDenied: [403, "Access Denied"],
  AuthorizationHeaderMalformed: [400, "The authorization header is malformed."],
  BadDigest: [400, "The Content-MD5 you specified did not match what we received."],
  BucketAlreadyOwnedByYou: [409, "Your previous request to create the named bucket succeeded."],
  BucketNotEmpty: [409, "The bucket you tried to delete is not empty"],
  EncryptionTypeMismatch: [
    400,
    "The existing object was created with a different encryption type.",
  ],
  EntityTooLarge: [400, "Your proposed upload exceeds the maximum allowed size"],
  EntityTooSmall: [400, "Your proposed upload is smaller than the minimum allowed size"],
  ExpiredToken: [400, "The provided token has expired."],
  IdempotencyParameterMismatch: [
    400,
    "Parameters on this idempotent request are inconsistent with parameters used in previous request(s).",
  ],
  IncompleteBody: [400, "You did not provide the number of bytes specified by Content-Length"],
  InternalError: [500, "We encountered an internal error. Please try again."],
  InvalidAccessKeyId: [403, "The AWS Access Key Id you provided does not exist in our records."],
  InvalidArgument: [400, "Invalid Argument"],
  InvalidBucketName: [400, "The specified bucket is not valid."],
  InvalidDigest: [400, "The Content-MD5 you specified was invalid."],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  ],
  InvalidPartOrder: [
    400,
    "The list of parts was not in ascending order. Parts must be ordered by part number.",
  ],
  InvalidObjectState: [403, "The operation is not valid for the object's storage class"],
  InvalidRange: [416, "The requested range is not satisfiable"],
  InvalidRequest: [400, "Invalid Request"],
  InvalidStorageClass: [400, "The storage class you specified is not valid"],
  InvalidToken: [400, "The provided token is malformed or otherwise invalid."],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  InvalidWriteOffset: [
    400,
    "The write offset value that you specified does not match the current object size.",
  ],
  KeyTooLongError: [400, "Your key is too long"],
  MalformedXML: [
    400,
    "The XML you provided was not well-formed or did not validate against our published schema",
  ],
  MetadataTooLarge: [400, "Your metadata headers exceed the maximum allowed metadata size"],
  MethodNotAllowed: [405, "The specified method is not allowed against this resource."],
  MissingContentLength: [411, "You must provide the Content-Length HTTP header."],
  NoSuchBucket: [404, "The specified bucket does not exist"],
  NoSuchKey: [404, "The specified key does not exist."],
  NoSuchUpload: [
    404,
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
  ],
  NotImplemented: [501, "A header you provided implies functionality that is not implemented"],
  PreconditionFailed: [412, "At least one of the pre-conditions you specified did not hold"],
  RequestTimeTooSkewed: [
    403,
    "The difference between the request time and the current time is too large.",
  ],
  RestoreAlreadyInProgress: [409, "Object restore is already in progress"],
  SignatureDoesNotMatch: [
    403,
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
  ],
  TooManyParts: [
    400,
    "You have attempted to add more parts than the maximum that is allowed for this object.",
  ],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type SandboxErrorCode = keyof typeof ERRORS;

/** What the error document says besides code and message, e.g. `{ BucketName: "b" }`. */
export type ErrorDetails = Readonly<Partial<Record<string, string>>>;

/** A request is refused; the server turns this into S3's XML. */
export class SandboxError extends Error {
  override readonly name = "SandboxError";
  readonly code: SandboxErrorCode;
  readonly status: number;
  readonly details: ErrorDetails;

  constructor(code: SandboxErrorCode, message?: string, details: ErrorDetails = {}) {
    const [status, usualMessage] = ERRORS[code];
    super(message ?? usualMessage);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}
