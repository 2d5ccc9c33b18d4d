export { nearest } from "./nearest.ts";
export { printSettings } from "./print-settings.ts";
export { printable } from "./printable.ts";
export { createProgress, formatBytes, type Progress } from "./progress.ts";
export { type CommandHost, errorText, reportError, runVerb } from "./run.ts";
export { formatTable } from "./table.ts";
export { groupUsage } from "./usage.ts";
export { defineVerb, type FlagSpec, type FlagValues, type SettingSource, type Verb, type VerbContext } from "./verb.ts";
