/**
 * What the shared configuration files say of a profile, as far as credentials go: whether it has any.
 * What they are is left to the SDK.
 */

import { homedir } from "node:os";
import { join } from "node:path";
import type { Environment } from "./region.ts";

export interface Profile {
  readonly name: string;
  /** Why nobody means it, if so. */
  readonly absence: string | undefined;
  /** Why it cannot be used although it was chosen by its name, if so. */
  readonly failure: string | undefined;
}

/** Settings, one of which a profile has that leads to credentials. */
const SETTINGS = [
  "aws_access_key_id",
  "role_arn",
  "credential_source",
  "credential_process",
  "web_identity_token_file",
  "sso_session",
  "sso_start_url",
  "sso_account_id",
  "login_session",
] as const;

/** The profile `chosen`, that of AWS_PROFILE, or the default one. Never fails. */
export async function readProfile(
  environment: Environment,
  chosen: string | undefined,
): Promise<Profile> {
  const { parseKnownFiles } = await import("@smithy/core/config");
  const named = chosen ?? (environment["AWS_PROFILE"] || undefined);
  const name = named ?? "default";
  // Files that cannot be read are taken for empty ones.
  const profiles = await parseKnownFiles({ ignoreCache: true });
  const settings = profiles[name];
  const what =
    settings === undefined
      ? `there is no profile "${name}"`
      : SETTINGS.some((setting) => settings[setting] !== undefined)
        ? undefined
        : `the profile "${name}" has no credentials`;
  const why = what && `${what} in ${filesOf(environment).join(" or ")}`;
  return named === undefined
    ? { name, absence: why, failure: undefined }
    : { name, absence: undefined, failure: why };
}

function filesOf(environment: Environment): readonly string[] {
  const directory = join(environment["HOME"] || homedir(), ".aws");
  return [
    environment["AWS_CONFIG_FILE"] || join(directory, "config"),
    environment["AWS_SHARED_CREDENTIALS_FILE"] || join(directory, "credentials"),
  ];
}
