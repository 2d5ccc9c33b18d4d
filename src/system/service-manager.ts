import { sendUnixDatagram } from "./libc-datagram.ts";
import type { Logger } from "./log.ts";

/** A service manager that waits for word of this process, as systemd does (sd_notify(3)). Without one, nothing is sent anywhere. */
export interface ServiceManager {
  /** The service answers. From now on the watchdog is told at half its interval that the process still turns, where the manager has one. */
  ready(status: string): void;
  /** The service reads its settings again; {@link ready} ends that. */
  reloading(): void;
  /** The service is about to end. */
  stopping(): void;
}

/**
 * @param environment  `NOTIFY_SOCKET`, and `WATCHDOG_USEC` with `WATCHDOG_PID`, as the manager sets them
 */
export function serviceManager(environment: Readonly<Record<string, string | undefined>>, logger: Logger): ServiceManager {
  const socket = environment["NOTIFY_SOCKET"];
  if (socket === undefined || !/^[/@]./.test(socket)) return { ready: () => {}, reloading: () => {}, stopping: () => {} };
  const notify = (lines: readonly string[]) => {
    try {
      sendUnixDatagram(socket, Buffer.from(lines.join("\n")));
    } catch (error) {
      logger.warn("the service manager was not told", { state: lines[0], reason: error instanceof Error ? error.message : String(error) });
    }
  };
  const interval = watchdogInterval(environment);
  let watchdog: ReturnType<typeof setInterval> | undefined;
  return {
    ready(status) {
      notify(["READY=1", `STATUS=${status.replaceAll("\n", " ")}`]);
      if (interval === undefined || watchdog !== undefined) return;
      watchdog = setInterval(() => notify(["WATCHDOG=1"]), interval);
      watchdog.unref();
    },
    // systemd.service(5), Type=notify-reload: the time says which reload this is about, on the clock that never goes back.
    reloading: () => notify(["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]),
    stopping: () => notify(["STOPPING=1"]),
  };
}

/** @returns milliseconds between two signs of life: half of what the manager waits; undefined where it waits for none of this process */
function watchdogInterval(environment: Readonly<Record<string, string | undefined>>): number | undefined {
  const { WATCHDOG_USEC: time = "", WATCHDOG_PID: pid } = environment;
  if (!/^\d{1,15}$/.test(time) || Number(time) === 0) return undefined;
  if (pid !== undefined && pid !== String(process.pid)) return undefined;
  return Math.max(1, Math.floor(Number(time) / 2000));
}
