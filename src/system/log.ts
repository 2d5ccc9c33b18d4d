import { printable } from "./command/printable.ts";

/** The values that a log line may carry. Bytes and objects are left out on purpose: they are how secrets get into logs. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LEVELS)[number];

/**
 * A logger that writes one structured line an event: `time level message key=value …`, or one JSON object with `json`.
 *
 * @param level  the lowest level that is written
 * @param write  where lines go, without their newline; standard error by default
 */
export function createLogger(
  level: LogLevel = "info",
  json = false,
  write: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Logger {
  const lowest = LEVELS.indexOf(level);
  const at =
    (name: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (LEVELS.indexOf(name) < lowest) return;
      const time = new Date().toISOString();
      write(json ? JSON.stringify({ ...fields, time, level: name, message }, plain) : textLine(time, name, message, fields));
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return typeof value === "string" ? printable(value) : value;
}

function textLine(time: string, level: string, message: string, fields: LogFields): string {
  const parts = [time, level.padEnd(5), message];
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const text = String(value);
    // A quoted value cannot forge a second field or a second line, whatever a peer put into it.
    parts.push(`${key}=${/^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text)}`);
  }
  return printable(parts.join(" "));
}
