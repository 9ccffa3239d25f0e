/**
 * Forwards TCP, as slowly as a distant S3: what the client sends is held back for a fixed time, and what
 * the server sends goes no faster than a fixed rate for each connection (0 for any rate). Arguments:
 * PORT HOST PORT MILLISECONDS MIB_PER_SECOND.
 */

import { connect, createServer } from "node:net";
import { Transform } from "node:stream";

const [port, host, targetPort, delay, rate] = process.argv.slice(2);
const delayMs = Number(delay);
const bytesPerMs = (Number(rate) * 2 ** 20) / 1000;

/** Lets a chunk pass when its time has come, as if the bytes before it were still on the line. */
function thinLine(): Transform {
  let freeAtMs = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const nowMs = performance.now();
      freeAtMs = Math.max(freeAtMs, nowMs) + chunk.length / bytesPerMs;
      setTimeout(() => done(null, chunk), freeAtMs - nowMs);
    },
  });
}

createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const server = connect({ host: host ?? "", port: Number(targetPort), noDelay: true });
  client.on("data", (chunk) => setTimeout(() => server.write(chunk), delayMs));
  client.on("end", () => setTimeout(() => server.end(), delayMs));
  client.on("error", () => server.destroy());
  server.on("error", () => client.destroy());
  if (bytesPerMs > 0) server.pipe(thinLine()).pipe(client);
  else server.pipe(client);
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
