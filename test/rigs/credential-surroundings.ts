/**
 * An environment and shared files of the test's own, in which the sources of credentials are asked. The
 * SDK's providers look at the process, so that its variables are changed for the time of the test.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { vi } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { credentialSources } from "../../src/s3/credential-sources.ts";
import type { ExpiringCredentials } from "../../src/s3/credentials.ts";

export class CredentialSurroundings {
  readonly directory = mkdtempSync(join(tmpdir(), "credential-sources-"));
  readonly #environment: Record<string, string> = {};

  constructor() {
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
    }
    this.set({
      HOME: this.directory,
      AWS_CONFIG_FILE: join(this.directory, "config"),
      AWS_SHARED_CREDENTIALS_FILE: join(this.directory, "credentials"),
      AWS_EC2_METADATA_DISABLED: "true",
    });
  }

  set(variables: Readonly<Record<string, string>>): void {
    Object.assign(this.#environment, variables);
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  }

  /** A file below the directory, which is its home too; returns its path. */
  write(name: string, ...lines: readonly string[]): string {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  }

  ask(profile?: string): Promise<ExpiringCredentials> {
    return credentialSources({
      environment: this.#environment,
      profile,
      region: "us-east-1",
      userAgent: "test",
      log: silentLog,
    })();
  }

  /** What is said when there are none. */
  refusal(profile?: string): Promise<string> {
    return this.ask(profile).then(
      ({ accessKeyId }) => `got ${accessKeyId}`,
      (error: Error) => error.message,
    );
  }

  close(): void {
    vi.unstubAllEnvs();
    rmSync(this.directory, { recursive: true });
  }
}
