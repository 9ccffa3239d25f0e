/**
 * Forwards TCP, holding what the client sends back for a fixed time: what a first byte costs on a
 * distant S3. Answers pass untouched. Arguments: PORT HOST PORT MILLISECONDS.
 */

import { connect, createServer } from "node:net";

const [port, host, targetPort, delay] = process.argv.slice(2);
const delayMs = Number(delay);

createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const server = connect({ host: host ?? "", port: Number(targetPort), noDelay: true });
  client.on("data", (chunk) => setTimeout(() => server.write(chunk), delayMs));
  client.on("end", () => setTimeout(() => server.end(), delayMs));
  client.on("error", () => server.destroy());
  server.on("error", () => client.destroy());
  server.pipe(client);
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
