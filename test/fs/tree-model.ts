/**
 * What a mount should show, from first principles: a set of keys, what this mount has made, and the
 * rule that a directory of S3 comes before what is local, and that before an object.
 */

import { compareKeys, isValidName } from "../../src/inode/name.ts";

export type Kind = "directory" | "file" | undefined;

export class TreeModel {
  /** Key to content. */
  readonly keys = new Map<string, string>();
  /** Made here, with nothing stored in them. */
  readonly localDirectories = new Set<string>();
  /** Being written: path to what was written so far. */
  readonly open = new Map<string, string>();
  /** Being written, but hidden by a directory that appeared at their name. */
  readonly hidden = new Map<string, string>();

  kind(path: string): Kind {
    if (path === "") return "directory";
    const below = `${path}/`;
    const hasBelow = (paths: Iterable<string>): boolean =>
      [...paths].some((candidate) => candidate.startsWith(below));
    if (hasBelow(this.keys.keys())) return "directory";
    if (this.open.has(path)) return "file";
    if (this.localDirectories.has(path)) return "directory";
    if (hasBelow(this.open.keys()) || hasBelow(this.localDirectories)) return "directory";
    return this.keys.has(path) ? "file" : undefined;
  }

  /** Whether every directory on the way to `path` is one. */
  isReachable(path: string): boolean {
    const parts = path.split("/").slice(0, -1);
    return parts.every(
      (_, index) => this.kind(parts.slice(0, index + 1).join("/")) === "directory",
    );
  }

  content(path: string): string {
    return this.open.get(path) ?? this.keys.get(path) ?? "";
  }

  /** The names in a directory, with their kinds and sizes, sorted. */
  list(directory: string): string[] {
    const prefix = directory === "" ? "" : `${directory}/`;
    const names = new Set<string>();
    for (const path of [...this.keys.keys(), ...this.open.keys(), ...this.localDirectories]) {
      if (!path.startsWith(prefix) || path === prefix) continue;
      names.add(path.slice(prefix.length).split("/")[0] ?? "");
    }
    return [...names]
      .filter(isValidName)
      .map((name) => {
        const kind = this.kind(prefix + name);
        return kind === "file" ? `${name} ${this.content(prefix + name).length}` : `${name}/`;
      })
      .sort(compareKeys);
  }

  /** Whether the directory has something that only this mount knows of. */
  hasLocalInside(directory: string): boolean {
    const below = `${directory}/`;
    const paths = [...this.open.keys(), ...this.localDirectories];
    return paths.some((path) => path.startsWith(below));
  }

  /** A key appeared: directories above it are S3's, and hide what is written under their names. */
  store(key: string, content: string): void {
    this.keys.set(key, content);
    const parts = key.split("/");
    for (let length = 1; length < parts.length; length++) {
      const directory = parts.slice(0, length).join("/");
      this.localDirectories.delete(directory);
      const written = this.open.get(directory);
      if (written === undefined) continue;
      this.open.delete(directory);
      this.hidden.set(directory, written);
    }
  }
}
