import { CaiError } from "../error.ts";
import { catalogue } from "../errors/index.ts";
import { createLogger, type LogLevel } from "../log.ts";
import { printable } from "./printable.ts";
import { createProgress } from "./progress.ts";
import { resolveSettings } from "./settings.ts";
import { verbUsage } from "./usage.ts";
import type { Verb } from "./verb.ts";

/** What a command touches of its process. */
export interface CommandHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/**
 * Runs one verb with the arguments that follow its name.
 *
 * @returns the exit status
 */
export async function runVerb(verb: Verb, rawArgs: readonly string[], host: CommandHost): Promise<number> {
  const options = rawArgs.slice(0, rawArgs.includes("--") ? rawArgs.indexOf("--") : undefined);
  if (options.includes("--help") || options.includes("-h")) {
    host.stdout.write(verbUsage(verb));
    return 0;
  }
  const stop = new AbortController();
  const onSignal = () => stop.abort(new CaiError("cli.interrupted", `\`cai ${verb.spec.path}\` was interrupted`));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const { positionals, flags, sources, json } = resolveSettings(verb, rawArgs, host.environment);
    await verb.spec.run({
      positionals,
      flags,
      sources,
      json,
      log: createLogger(logLevel(host.environment), logsJson(host.environment), (line) => host.stderr.write(`${line}\n`)),
      signal: stop.signal,
      print: (value, text) => host.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`),
      progress: (label) => createProgress(label),
    });
    return 0;
  } catch (error) {
    return reportError(error, options.includes("--json"), host);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/**
 * Prints an error as cli.md says and returns its exit status. With `--json` the object goes to standard error too, for standard output holds results.
 */
export function reportError(thrown: unknown, json: boolean, host: CommandHost): number {
  const error = CaiError.from(thrown);
  if (json) host.stderr.write(`${JSON.stringify({ error: { ...error.toJSON(), hint: hintOf(error) } })}\n`);
  else host.stderr.write(`${errorText(error)}\n`);
  if (host.environment["CAI_LOG"] === "debug" && thrown instanceof Error) host.stderr.write(`${printable(thrown.stack ?? "", true)}\n`);
  return error.exitCode;
}

/** @returns `cai: <id>: <message>` with lines for what was expected, got, and what to do */
export function errorText(error: CaiError): string {
  // What was got often comes from a peer or from a file that somebody else wrote.
  const lines = [`cai: ${error.id}: ${printable(error.message, true)}`];
  if (error.expected !== undefined) lines.push(`  expected: ${printable(error.expected, true)}`);
  if (error.got !== undefined) lines.push(`  got:      ${printable(error.got)}`);
  lines.push(`  hint:     ${hintOf(error)}`);
  return lines.join("\n");
}

/** What to do: the error's own hint, or the remedy that the catalogue has for its id. */
function hintOf(error: CaiError): string {
  return error.hint ?? catalogue[error.id].remedy;
}

/** `CAI_LOG_FORMAT=json` makes every line of the log a JSON object. */
function logsJson({ CAI_LOG_FORMAT: format = "text" }: Readonly<Record<string, string | undefined>>): boolean {
  if (format === "json" || format === "text") return format === "json";
  throw new CaiError("cli.setting-invalid", `CAI_LOG_FORMAT cannot be ${JSON.stringify(format)}`, { expected: "text, json", got: format });
}

function logLevel(environment: Readonly<Record<string, string | undefined>>): LogLevel {
  const level = environment["CAI_LOG"] ?? "info";
  const levels = ["debug", "info", "warn", "error", "silent"] as const;
  const found = levels.find((name) => name === level);
  if (found === undefined)
    throw new CaiError("cli.setting-invalid", `CAI_LOG cannot be ${JSON.stringify(level)}`, { expected: levels.join(", "), got: level });
  return found;
}
