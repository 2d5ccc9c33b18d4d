import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, type Registry } from "prom-client";

const QUANTILES = [0.5, 0.99] as const;

/**
 * Adds what every dashboard looks for about a process, by the names that they know, and how late its event loop is.
 *
 * @returns ends the measuring of the event loop
 */
export function watchProcess(registry: Registry): () => void {
  const registers = [registry];
  const cpu = new Counter({
    name: "process_cpu_seconds_total",
    help: "Time on processors, of all threads.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge("process_resident_memory_bytes", "Memory that is in use.", () => process.memoryUsage.rss());
  gauge("process_open_fds", "Open files and sockets.", () => readdirSync("/proc/self/fd").length);
  const started = Date.now() / 1000 - process.uptime();
  gauge("process_start_time_seconds", "When the process started, since 1970.", () => started);
  const delay = monitorEventLoopDelay();
  delay.enable();
  new Gauge({
    name: "cai_event_loop_delay_seconds",
    help: "How late the event loop was since this was last asked.",
    labelNames: ["quantile"],
    registers,
    collect() {
      for (const quantile of QUANTILES) this.set({ quantile: String(quantile) }, delay.percentile(quantile * 100) / 1e9);
      this.set({ quantile: "1" }, delay.max / 1e9);
      delay.reset();
    },
  });
  return () => delay.disable();
}
