/** Input that is no S3, no HTTP or no XML: always an answer or a closed connection, never the end. */

import { connect } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChunkedDecoder } from "../../src/sandbox/chunked-decoder.ts";
import { SandboxError } from "../../src/sandbox/index.ts";
import { element, parent, xmlDocument } from "../../src/sandbox/xml.ts";
import { childText, scanXml } from "../../src/sandbox/xml-scanner.ts";
import { BUCKET, codeOf, send, startSandbox } from "./endpoint.ts";

describe("the XML scanner", () => {
  test("reads what the writer writes", () => {
    const text = fc.string({ unit: "grapheme" }).filter((key) => !/[\0]/.test(key));
    fc.assert(
      fc.property(fc.array(text), (keys) => {
        const xml = xmlDocument(
          "Delete",
          ...keys.map((key) => parent("Object", element("Key", key))),
        );
        const read = scanXml(xml).children.map((object) => childText(object, "Key"));
        expect(read).toEqual(keys);
      }),
    );
  });

  test("reads declarations, comments, attributes and empty elements", () => {
    const root = scanXml(
      '<?xml version="1.0"?>\n<!-- > --><a xmlns="u"><b x="1"/><c> t&amp;&#65;&#x1F600; </c></a>\n',
    );
    expect(root.children.map((child) => [child.name, child.text])).toEqual([
      ["b", ""],
      ["c", " t&A😀 "],
    ]);
  });

  test.each([
    "",
    "text",
    "<a>",
    "</a>",
    "<a></b>",
    "<a/><b/>",
    "<a>&unknown;</a>",
    "<a>&#0;</a>",
    "<a>&#xD800;</a>",
    "<a>&amp</a>",
    '<!DOCTYPE a [<!ENTITY e "x">]><a/>',
    "<a><![CDATA[x]]></a>",
    "<a".repeat(10),
    "<a>".repeat(10_000),
    "<!-- ".repeat(10_000),
  ])("refuses %j", (xml) => {
    expect(() => scanXml(xml)).toThrow(SandboxError);
  });

  test("returns or refuses, whatever it reads", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      "<a>",
      "</a>",
      "&",
      "&lt;",
      " ",
      "!--",
      "?",
      '"',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          scanXml(pieces.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(SandboxError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test("the decoder of chunked bodies returns or refuses, whatever it reads", () => {
  const piece = fc.constantFrom(
    "5",
    "\r\n",
    "\r",
    "\n",
    "hello",
    "0",
    ";",
    "a:b",
    "chunk-signature=",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const decoder = new ChunkedDecoder(() => {}, undefined);
      try {
        for (const text of pieces) decoder.write(Buffer.from(text));
      } catch (error) {
        expect(error).toBeInstanceOf(SandboxError);
      }
    }),
    { numRuns: 1000 },
  );
});

describe("the server survives", () => {
  test.each([
    "GARBAGE\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET bucket HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /bucket/%zz HTTP/1.1\r\nHost: h\r\n\r\n",
    "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /bucket HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    `GET /bucket HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
    "PUT /bucket/x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    "PUT /bucket/x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999\r\n\r\n",
    "PUT /bucket/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
    "PUT /bucket/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "\u0000\u0001\u0002",
  ])("%j", async (bytes) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const socket = connect(Number(new URL(sandbox.url).port), "127.0.0.1");
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume();
    socket.end(bytes);
    await closed;
    await sandbox.putObject(BUCKET, "x", "alive");
    expect((await send(sandbox, "/bucket/x")).body.toString()).toBe("alive");
  });

  test.each([
    ["/bucket?delete", "<Delete></Delete>"],
    ["/bucket?delete", "<Delete><Object><Key></Key></Object></Delete>"],
    ["/bucket?delete", "<Other/>"],
    ["/bucket?delete", ""],
    ["/bucket?delete", Buffer.alloc(9 * 1024 * 1024, " ")],
    ["/bucket/x?uploadId=UPLOAD", "<CompleteMultipartUpload><Part/></CompleteMultipartUpload>"],
    ["/bucket/x?uploadId=UPLOAD", "nothing"],
  ])("documents that make no sense: %s", async (path, body) => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const created = await send(sandbox, "/bucket/x?uploads", { method: "POST" });
    const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(created.body.toString())?.[1] ?? "";
    const answer = await send(sandbox, path.replace("UPLOAD", uploadId), { method: "POST", body });
    expect([answer.status, codeOf(answer)]).toEqual([400, "MalformedXML"]);
  });

  test("any path and query", async () => {
    const sandbox = await startSandbox({ credentials: "anonymous" });
    const piece = fc.constantFrom(
      "/",
      "bucket",
      "%",
      "%20",
      "?",
      "&",
      "=",
      "uploads",
      "delete",
      "..",
      "x",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.constantFrom("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"),
        async (pieces, method) => {
          const answer = await send(sandbox, `/${pieces.join("")}`, { method });
          expect(answer.status).toBeGreaterThanOrEqual(200);
          expect(answer.status).not.toBe(500);
        },
      ),
      { numRuns: 150 },
    );
  });
});
