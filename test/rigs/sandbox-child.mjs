/**
 * The process of sandbox-process.ts: the built endpoint, and the orders that its parent sends. Plain
 * JavaScript, because Node runs it without the tests' compiler.
 */

import { addon } from "../../dist/native/index.js";
import { createSandbox } from "../../dist/sandbox/index.js";

const { buckets = [], directory, port } = JSON.parse(process.argv[2] ?? "{}");
const credentials = { accessKeyId: "sandbox-test-key", secretAccessKey: "sandbox-test-secret" };

const sandbox = await createSandbox({
  buckets,
  checksums: addon(),
  credentials,
  port,
  ...(directory === undefined ? {} : { storage: { directory } }),
});

/** By number, in the order in which they were added. */
const faults = [];

function carryOut(order) {
  switch (order.kind) {
    case "add-fault":
      return faults.push(sandbox.faults.add(order.fault)) - 1;
    case "fault-count":
      return faults[order.number].metCount;
    case "remove-fault":
      faults[order.number].remove();
      return undefined;
    case "turn":
      Object.assign(sandbox.dials, order.dials);
      return undefined;
    case "requests":
      return sandbox.requests
        .filter(({ headers }) => !headers["user-agent"]?.includes(order.exceptAgent))
        .map(({ operation, key, query }) => ({
          operation,
          key: key === "" ? (new URLSearchParams(query).get("prefix") ?? "") : key,
          query,
        }));
    case "clear-requests":
      return sandbox.clearRequests();
    case "store":
      return Promise.all(
        order.objects.map(({ key, sizeBytes }) =>
          sandbox.putObject(order.bucket, key, Buffer.alloc(sizeBytes, "x")),
        ),
      ).then(() => undefined);
    default:
      throw new Error(`unknown order ${order.kind}`);
  }
}

// Without a parent there is nobody left to serve.
process.once("disconnect", () => process.exit(0));
process.on("message", async (order) => process.send((await carryOut(order)) ?? null));
process.send({ url: sandbox.url, ...credentials });
