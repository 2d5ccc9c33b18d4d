/**
 * How much a finding matters: `ok` is how it should be, `info` is worth knowing, a `warning` costs assurance, a `problem` keeps something from
 * working.
 */
export type Severity = (typeof SEVERITIES)[number];

/** What matters most first. */
export const SEVERITIES = ["problem", "warning", "info", "ok"] as const;

/** One thing that is so on this machine. */
export interface Finding {
  /** stable: `<area>.<what>`, for programs that look for it */
  readonly id: `${string}.${string}`;
  readonly severity: Severity;
  /** one sentence */
  readonly message: string;
  /** the command, or the one step, that mends it */
  readonly mend?: string;
}

/** A finding of something that is how it should be. */
export const ok = (id: Finding["id"], message: string): Finding => ({ id, severity: "ok", message });

/** A finding that is not `ok`. @param mend  what to do; absent where nothing has to be done */
export function found(severity: Exclude<Severity, "ok">, id: Finding["id"], message: string, mend?: string): Finding {
  return { id, severity, message, ...(mend !== undefined && { mend }) };
}
