import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { ObjectClient } from "../../src/s3/index.ts";
import { parseListPage } from "../../src/s3/list-objects.ts";
import { ProtocolError } from "../../src/s3/protocol-error.ts";
import { clientFor } from "./client-under-test.ts";
import {
  answering,
  type RawRequest,
  type RawServer,
  response,
  startRawServer,
} from "./raw-server.ts";

let server: RawServer | undefined;
let client: ObjectClient | undefined;

afterEach(async () => {
  client?.close();
  await server?.close();
  server = undefined;
  client = undefined;
});

function page(inside: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${inside}</ListBucketResult>`;
}

function contents(key: string, extra = ""): string {
  return `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>12</Size>${extra}</Contents>`;
}

describe("a listing", () => {
  test("is asked for by prefix, delimiter, size and token", async () => {
    const requests: RawRequest[] = [];
    server = await startRawServer(
      answering((request) => {
        requests.push(request);
        return response(200, {}, page("<IsTruncated>false</IsTruncated>"));
      }),
    );
    client = clientFor(server.url);
    const empty = { objects: [], commonPrefixes: [], continuationToken: undefined };
    expect(
      await client.list({ prefix: "a b/", delimiter: "/", maxKeys: 7, continuationToken: "t+/=" }),
    ).toEqual(empty);
    expect(await client.list({ prefix: "" })).toEqual(empty);
    expect(requests.map(({ path }) => path)).toEqual([
      "/bucket?continuation-token=t%2B%2F%3D&delimiter=%2F&encoding-type=url&list-type=2&max-keys=7&prefix=a%20b%2F",
      "/bucket?encoding-type=url&list-type=2&prefix=",
    ]);
  });

  test("gives every field, times in seconds, and the token of the next page", () => {
    const restored =
      "<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2026-02-01T00:00:00Z</RestoreExpiryDate></RestoreStatus>";
    const xml = page(
      `<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>${contents("x")}${contents("y", restored)}<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>`,
    );
    const first = {
      key: "x",
      sizeBytes: 12,
      etag: '"abc"',
      lastModifiedMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      storageClass: undefined,
      restored: false,
    };
    expect(parseListPage(Buffer.from(xml), true)).toEqual({
      objects: [first, { ...first, key: "y", storageClass: "GLACIER", restored: true }],
      commonPrefixes: ["d/"],
      continuationToken: "a&b",
    });
    // What was not asked is not known.
    expect(parseListPage(Buffer.from(xml), false).objects[1]?.restored).toBeUndefined();
  });

  test("may have elements of others inside, empty ones and attributes", () => {
    const more = `<Owner a="b"><ID>1</ID><DisplayName/></Owner><ChecksumType a="b">FULL_OBJECT</ChecksumType><StorageClass/>`;
    const xml = page(
      `${contents("x", more)}\n  ${contents("y", "<Owner></Owner><A><bA>c</bA></A>")}`,
    );
    const { objects } = parseListPage(Buffer.from(xml), false);
    const fields = objects.map(({ etag, key, sizeBytes, storageClass }) => [
      key,
      sizeBytes,
      etag,
      storageClass,
    ]);
    expect(fields).toEqual(["x", "y"].map((key) => [key, 12, '"abc"', undefined]));
  });

  test("returns any key exactly, whichever way the server encodes it", () => {
    const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 5 }), fc.boolean(), (keys, plus) => {
        const encode = (text: string): string => {
          const encoded = encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("'", "%27");
          return plus ? encoded.replaceAll("%20", "+") : encoded;
        };
        const inside = keys.map(
          (text) =>
            contents(encode(text)) +
            `<CommonPrefixes><Prefix>${encode(text)}</Prefix></CommonPrefixes>`,
        );
        const parsed = parseListPage(
          Buffer.from(page(`<EncodingType>url</EncodingType>${inside.join("")}`)),
          false,
        );
        expect(parsed.objects.map((object) => object.key)).toEqual(keys);
        expect(parsed.commonPrefixes).toEqual(keys);
      }),
    );
  });

  test("of a server that does not encode keys takes them as XML has them", () => {
    const xml = page(contents("a+b%20&lt;&#233;&#x1F680;&amp;amp;&gt;"));
    expect(parseListPage(Buffer.from(xml), false).objects[0]?.key).toBe("a+b%20<é\u{1F680}&amp;>");
  });

  test.each([
    ["no XML", "hello"],
    ["a page", "<html></html>"],
    ["another document", "<ListAllMyBucketsResult></ListAllMyBucketsResult>"],
    ["half a listing", page(contents("a")).slice(0, -30)],
    ["an object without a key", page("<Contents><Size>1</Size></Contents>")],
    ["an object without a size", page("<Contents><Key>k</Key></Contents>")],
    ["a negative size", page("<Contents><Key>k</Key><Size>-1</Size></Contents>")],
    ["more pages without a token", page("<IsTruncated>true</IsTruncated>")],
    ["a key encoded wrongly", page(`<EncodingType>url</EncodingType>${contents("%zz")}`)],
    ["a character that does not exist", page(contents("&#x110000;"))],
  ])("that is %s is refused", (_, body) => {
    expect(() => parseListPage(Buffer.from(body), false)).toThrow(ProtocolError);
  });

  test("of arbitrary pieces of XML is parsed or refused, and nothing else", () => {
    const piece = fc.constantFrom(
      "<Contents>",
      "</Contents>",
      "<Key>",
      "</Key>",
      "k",
      "<Size>",
      "5",
      "</Size>",
      "&#",
      "&lt;",
      "<",
      "<CommonPrefixes>",
      "<Prefix>",
      "</CommonPrefixes>",
      "<IsTruncated>true</IsTruncated>",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          parseListPage(Buffer.from(page(pieces.join(""))), false);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
