/**
 * Asks the container's agent at its link-local address, which only a network of one's own can have: run
 * in a network namespace whose loopback has that address. Prints the access key id that came.
 */

import { once } from "node:events";
import { createServer } from "node:http";

const dist = new URL("../../dist/", import.meta.url);
const { credentialSources } = await import(new URL("s3/index.js", dist).href);
const { silentLog } = await import(new URL("base/log.js", dist).href);

const agent = createServer(({ headers, url }, response) => {
  const isKnown = url === "/v2/credentials/task" && headers.authorization === "task-token";
  const keys = { AccessKeyId: "TASKKEY", SecretAccessKey: "s", Token: "t" };
  const Expiration = new Date(Date.now() + 3_600_000).toISOString();
  response.writeHead(isKnown ? 200 : 403).end(JSON.stringify({ ...keys, Expiration }));
}).listen(80, "169.254.170.2");
await once(agent, "listening");
const ask = credentialSources({
  environment: process.env,
  profile: undefined,
  region: "us-east-1",
  userAgent: "test",
  log: silentLog,
});
const { accessKeyId, source } = await ask();
process.stdout.write(`${accessKeyId} from ${source}\n`);
process.exit(0);
