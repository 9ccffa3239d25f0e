/**
 * The first word of the main command: a bucket's name, an alias (which is a name), the ARN of an access
 * point, or `s3://BUCKET/PREFIX/`.
 */

import { CliError } from "./error.ts";
import { USAGE } from "./mount-table.ts";
import { RefusedValue } from "./option.ts";
import { bucketName } from "./option-values.ts";

export interface BucketArgument {
  /** A name or an ARN. */
  readonly bucket: string;
  /** "" or a prefix that ends in "/". */
  readonly prefix: string;
}

/** Reads the word, together with the prefix of --prefix, or throws a usage error. */
export function parseBucket(argument: string, prefixOption: string | undefined): BucketArgument {
  const uri = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(argument);
  if (!uri) {
    const bucket = argument.startsWith("arn:") ? accessPointArn(argument) : nameOf(argument);
    return { bucket, prefix: prefixOption ?? "" };
  }
  const [, name = "", path = ""] = uri;
  if (prefixOption !== undefined) {
    throw new CliError(
      "usage",
      `--prefix "${prefixOption}" is not allowed with an S3 URI, "${argument}": write the prefix into the URI`,
    );
  }
  if (argument.startsWith("s3://arn:")) {
    throw new CliError(
      "usage",
      `"${argument}" is refused: an ARN is not allowed in an S3 URI: write the ARN alone, and the prefix as --prefix`,
    );
  }
  const bucket = nameOf(name);
  if (path === "" || path.endsWith("/")) return { bucket, prefix: path };
  throw new CliError(
    "usage",
    `"${argument}" is refused: a prefix must end with "/": write ${argument}/`,
  );
}

function nameOf(word: string): string {
  if (word.includes("/")) {
    const [, bucket = "", path = ""] = /^(?:s3:\/\/)?([\w.-]{3,})\/(.*)$/is.exec(word) ?? [];
    const orUri = bucket && `; a prefix is written s3://${bucket}/${path}`;
    throw new CliError(
      "usage",
      `"${word}" is not a bucket name but looks like a path: the bucket comes first, ${USAGE}${orUri}`,
    );
  }
  try {
    return bucketName(word);
  } catch (error) {
    if (!(error instanceof RefusedValue)) throw error;
    throw new CliError("usage", `"${word}" is not a bucket name: ${error.message}`);
  }
}

/** What follows the account in the ARN of each service; parts are divided by "/" or ":". */
const RESOURCES: Readonly<Record<string, { readonly form: RegExp; readonly example: string }>> = {
  s3: { form: /^accesspoint[/:][\w.-]+$/, example: "accesspoint/NAME" },
  "s3-object-lambda": { form: /^accesspoint[/:][\w.-]+$/, example: "accesspoint/NAME" },
  "s3-outposts": {
    form: /^outpost[/:][\w-]+[/:]accesspoint[/:][\w.-]+$/,
    example: "outpost/OUTPOST/accesspoint/NAME",
  },
};

/** The ARN itself, once it is known to be one of an access point. A multi-region one names no region. */
function accessPointArn(arn: string): string {
  const [, partition = "", service = "", region = "", account = "", ...rest] = arn.split(":");
  const refuse = (why: string): never => {
    throw new CliError(
      "usage",
      `"${arn}" is refused: ${why}; the ARN of an access point is written arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME`,
    );
  };
  const resource = rest.join(":");
  if (!/^aws(?:-[a-z]+)*$/.test(partition)) refuse(`its partition is "${partition}"`);
  const { form, example } = RESOURCES[service] ?? refuse(`its service, "${service}", is not s3`);
  if (!form.test(resource)) {
    refuse(`"${resource}" is not what follows the account: write ${example}`);
  }
  const isMultiRegion = service === "s3" && resource.endsWith(".mrap");
  if (isMultiRegion ? region !== "" : !/^[a-z]{2,}(?:-[a-z0-9]+)+$/.test(region)) {
    refuse(isMultiRegion ? "a multi-region one has no region" : `its region is "${region}"`);
  }
  if (!/^\d{12}$/.test(account)) refuse(`its account, "${account}", is not a number of 12 digits`);
  return arn;
}
