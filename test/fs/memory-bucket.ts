/**
 * A bucket in memory for the tests of `inode/` and `fs/`: it counts requests, fails on demand, and
 * holds answers back so that a test decides what happens between a request and its answer.
 */

import { createHash } from "node:crypto";

import { type Deferred, deferred } from "../../src/base/deferred.ts";
import {
  type ListPage,
  type ListRequest,
  type ObjectInfo,
  S3Error,
  type S3ErrorKind,
} from "../../src/s3/index.ts";

type Verb = "head" | "list" | "delete" | "get" | "put" | "rename";

const OPERATIONS = {
  head: "HeadObject",
  list: "ListObjectsV2",
  delete: "DeleteObject",
  get: "GetObject",
  put: "PutObject",
  rename: "RenameObject",
} as const satisfies Record<Verb, string>;

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly info: ObjectInfo;
}

export class MemoryBucket {
  readonly objects = new Map<string, StoredObject>();
  /** "head a/b", in the order in which they came. */
  requests: string[] = [];
  pageKeysMax = 1000;
  /** Keys that are being uploaded. */
  readonly uploading = new Set<string>();
  /** Some servers do not know the parameter. */
  honoursStartAfter: boolean = true;
  readonly #now: () => number;
  readonly #failures: { readonly verb: Verb; readonly kind: S3ErrorKind }[] = [];
  readonly #held = new Map<Verb, Deferred<void>>();
  #pagesOnTheWay: Deferred<void> | undefined;
  #sortedKeys: string[] | undefined;

  constructor(now: () => number = () => 1_700_000_000_000) {
    this.#now = now;
  }

  /** Puts an object as another client would: not counted. */
  store(
    key: string,
    content: string | Uint8Array = "",
    more: Partial<ObjectInfo> = {},
  ): ObjectInfo {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const info: ObjectInfo = {
      key,
      sizeBytes: bytes.length,
      etag: `"${createHash("md5").update(bytes).digest("hex")}"`,
      lastModifiedMs: this.#now(),
      storageClass: undefined,
      restored: false,
      ...more,
    };
    if (!this.objects.has(key)) this.#sortedKeys = undefined;
    this.objects.set(key, { bytes, info });
    return info;
  }

  /** Deletes as another client would: not counted. */
  remove(key: string): void {
    this.#sortedKeys = undefined;
    this.objects.delete(key);
  }

  text(key: string): string | undefined {
    const object = this.objects.get(key);
    return object === undefined ? undefined : Buffer.from(object.bytes).toString();
  }

  /** How many requests of each verb came since the last call, e.g. { head: 1, list: 1 }. */
  takeCounts(): Partial<Record<Verb, number>> {
    const counts: Partial<Record<Verb, number>> = {};
    for (const request of this.requests) {
      const verb = request.slice(0, request.indexOf(" ")) as Verb;
      counts[verb] = (counts[verb] ?? 0) + 1;
    }
    this.requests = [];
    return counts;
  }

  /** The next request of this verb fails. */
  failNext(verb: Verb, kind: S3ErrorKind): void {
    this.#failures.push({ verb, kind });
  }

  /** Answers of this verb wait until the returned function is called. */
  hold(verb: Verb): () => void {
    const gate = deferred<void>();
    this.#held.set(verb, gate);
    return () => {
      this.#held.delete(verb);
      gate.resolve();
    };
  }

  /** Pages of listings, as they were when asked for, arrive when the returned function is called. */
  holdPages(): () => void {
    const gate = deferred<void>();
    this.#pagesOnTheWay = gate;
    return () => {
      this.#pagesOnTheWay = undefined;
      gate.resolve();
    };
  }

  async head(key: string): Promise<ObjectInfo> {
    await this.begin("head", key);
    return this.find("head", key).info;
  }

  async list(request: ListRequest): Promise<ListPage> {
    // S3 answers with the state at some time during the request: here, at its end.
    await this.begin("list", request.prefix);
    const page = this.page(request);
    await this.#pagesOnTheWay?.promise;
    return page;
  }

  protected page(request: ListRequest): ListPage {
    const { prefix, delimiter } = request;
    const keysMax = Math.min(request.maxKeys ?? 1000, this.pageKeysMax);
    const keys = this.#keys();
    const objects: ObjectInfo[] = [];
    const commonPrefixes: string[] = [];
    const startAfter = this.honoursStartAfter ? (request.startAfter ?? "") : "";
    let index = firstAtLeast(keys, request.continuationToken ?? prefix);
    if (request.continuationToken === undefined && startAfter !== "") {
      index = Math.max(index, firstAtLeast(keys, startAfter));
      if (keys[index] === startAfter) index++;
    }
    for (; index < keys.length; index++) {
      const key = keys[index] ?? "";
      if (!key.startsWith(prefix)) break;
      const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      const common = end === -1 ? undefined : key.slice(0, end + 1);
      if (common !== undefined && common === commonPrefixes.at(-1)) continue;
      if (objects.length + commonPrefixes.length === keysMax) {
        return { objects, commonPrefixes, continuationToken: key };
      }
      if (common === undefined) objects.push(this.find("list", key).info);
      else commonPrefixes.push(common);
    }
    return { objects, commonPrefixes, continuationToken: undefined };
  }

  async delete(key: string): Promise<void> {
    await this.begin("delete", key);
    this.remove(key);
  }

  async get(key: string, etag: string): Promise<Uint8Array> {
    await this.begin("get", key);
    const { info, bytes } = this.find("get", key);
    if (info.etag !== etag) throw this.error("precondition-failed", "get", key);
    return bytes;
  }

  async put(key: string, bytes: Uint8Array, ifNoneMatch: "*" | undefined): Promise<ObjectInfo> {
    await this.begin("put", key);
    if (ifNoneMatch !== undefined && this.objects.has(key)) {
      throw this.error("precondition-failed", "put", key);
    }
    return this.store(key, bytes);
  }

  protected async begin(verb: Verb, key: string): Promise<void> {
    this.requests.push(`${verb} ${key}`);
    const failure = this.#failures.findIndex((planned) => planned.verb === verb);
    const planned = failure === -1 ? undefined : this.#failures.splice(failure, 1)[0];
    await this.#held.get(verb)?.promise;
    if (planned !== undefined) throw this.error(planned.kind, verb, key);
  }

  #keys(): string[] {
    this.#sortedKeys ??= [...this.objects.keys()].sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    return this.#sortedKeys;
  }

  protected find(verb: Verb, key: string): StoredObject {
    const object = this.objects.get(key);
    if (object === undefined) throw this.error("not-found", verb, key);
    return object;
  }

  protected error(kind: S3ErrorKind, verb: Verb, key: string): S3Error {
    return new S3Error("the test says so", {
      kind,
      operation: OPERATIONS[verb],
      key,
      code: "Planned",
      requestId: "R1",
    });
  }
}

/** The index of the first key that does not sort before `bound`. */
function firstAtLeast(keys: readonly string[], bound: string): number {
  const target = Buffer.from(bound);
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(Buffer.from(keys[middle] ?? ""), target) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
