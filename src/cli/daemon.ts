/**
 * The process that serves a mount in the background. Started by background.ts in a session of its own,
 * with /dev/null for its three streams; takes its order over a socket and answers there once.
 */

import { Socket } from "node:net";
import { deferred } from "../base/deferred.ts";
import { messageOf } from "../base/log.ts";
import { DAEMON_CHANNEL_FD, type DaemonOrder, receiveLine, sendLine } from "./daemon-channel.ts";
import { exitStatusOf } from "./error.ts";
import { openLog, wantsMetrics } from "./log-choice.ts";
import { serve } from "./serve.ts";

/** Files of a daemon are nobody's business but its owner's and group's. */
const UMASK = 0o027;

async function runDaemon(): Promise<number> {
  const command = new Socket({ fd: DAEMON_CHANNEL_FD });
  const order = await receiveLine<DaemonOrder>(command);
  if (order === undefined) return 1;

  const { options } = order;
  process.title = `mount-s3-ts ${options.bucket} ${options.directory}`;
  process.umask(UMASK);
  const abandoned = deferred<string>();
  command.once("close", () => abandoned.resolve("the command that started this mount is gone"));
  try {
    const log = openLog(order.log, { environment: process.env, foreground: order.bound });
    for (const warning of order.warnings) log.warn(warning);
    try {
      return await serve({
        options,
        pidFile: order.pidFile,
        environment: process.env,
        log,
        logsMetrics: wantsMetrics(order.log, process.env),
        abandoned: abandoned.promise,
        onMounted(summary) {
          sendLine(command, { kind: "mounted", summary });
          if (order.bound) {
            command.once("data", () => abandoned.resolve("the command has ended"));
            return;
          }
          command.removeAllListeners("close");
          command.end();
        },
      });
    } catch (error) {
      // The command that is bound to the mount says so itself, in the same place.
      if (!order.bound) log.error(messageOf(error));
      throw error;
    } finally {
      await log.close();
    }
  } catch (error) {
    sendLine(command, {
      kind: "failed",
      message: error instanceof Error ? error.message : String(error),
    });
    await new Promise<void>((resolve) => command.end(resolve));
    return exitStatusOf(error);
  }
}

void runDaemon().then((status) => process.exit(status));
